"""What the pages of the documents say around them."""

from typing import Any

from markupsafe import Markup

Words = dict[str, Any]

TAGS = ("upload", "chat", "attendant", "health")

ENGLISH: Words = {
    "suite": "Event suite",
    "documents": "Documents",
    "skip": "Skip to the content",
    "language": "Language",
    "contents": "On this page",
    "machine": "",
    "lede": "What programs may call and read. These documents are made from the types that the code itself uses.",
    "all": "All documents",
    "pages": {
        "upload": {
            "title": "Pictures: the HTTP API",
            "lede": "Send pictures, and watch every result come in.",
            "kind": "OpenAPI 3.1",
        },
        "chat": {
            "title": "Conversations: the HTTP API",
            "lede": "Talk to a bot, and take conversations over as an attendant.",
            "kind": "OpenAPI 3.1",
        },
        "events": {
            "title": "Topics and events",
            "lede": "What the services publish to Kafka topics and read from them: values, keys, headers. "
            "`KAFKA_TOPIC_PREFIX` stands before each name, where it is set.",
            "kind": "AsyncAPI 3.0",
        },
    },
    "tags_in_order": TAGS,
    "tags": {"upload": "Pictures", "chat": "Customers", "attendant": "Attendants", "health": "State of the service"},
    "server": "Addresses begin with",
    "problems": "Errors are `application/problem+json` (RFC 9457); the `type` of one is `urn:problem:` and a code.",
    "token": "Attendants send `Authorization: Bearer ATTENDANT_TOKEN`, or the cookie of the console.",
    "attendants": "attendants alone",
    "parameters": "Parameters",
    "places": {"path": "in the path", "query": "in the query", "header": "header"},
    "optional": "optional",
    "body": "Body",
    "answers": "Answers",
    "event": "event",
    "faults": "Errors",
    "types": "Types",
    "topics": "Topics",
    "runtime": "Topics of the runtime",
    "runtime_is": "Each worker has a topic for what it could not handle, and one for each topic that it reads, from "
    "which dead letters are replayed for it alone. Their records are the bytes of the originals.",
    "headers": "Headers",
    "carried": {
        "event": "Every event (CloudEvents, W3C Trace Context)",
        "DeadLetter": "Dead letters, behind those of the original",
        "Replay": "Replays, behind those of the original",
        "Dropped": "Dead letters that were dropped",
    },
    "services": "Services",
    "value": "Value",
    "key": "Key",
    "publishers": "Published by",
    "groups": "Consumer groups",
    "readers": "Read for pages by",
    "none": "none",
    "or": "or",
    "list of": "list of",
    "object of": "object with values of the kind",
    "file": "file",
    "anything": "anything",
    "characters": "characters",
    "types_of_json": {
        "string": "text",
        "number": "number",
        "integer": "whole number",
        "boolean": "true or false",
        "null": "null",
        "object": "object",
    },
}

PORTUGUESE: Words = {
    "suite": "Suíte de eventos",
    "documents": "Documentos",
    "skip": "Pular para o conteúdo",
    "language": "Idioma",
    "contents": "Nesta página",
    "machine": Markup(' lang="en"'),
    "lede": "O que programas podem chamar e ler. Estes documentos são gerados a partir dos tipos que o próprio código "
    "usa; as descrições que vêm do código estão em inglês.",
    "all": "Todos os documentos",
    "pages": {
        "upload": {
            "title": "Imagens: a API HTTP",
            "lede": "Envie imagens e veja cada resultado chegar.",
            "kind": "OpenAPI 3.1",
        },
        "chat": {
            "title": "Conversas: a API HTTP",
            "lede": "Converse com um robô e assuma conversas como atendente.",
            "kind": "OpenAPI 3.1",
        },
        "events": {
            "title": "Tópicos e eventos",
            "lede": "O que os serviços publicam em tópicos do Kafka e leem deles: valores, chaves, cabeçalhos. "
            "`KAFKA_TOPIC_PREFIX`, se definido, vem antes de cada nome.",
            "kind": "AsyncAPI 3.0",
        },
    },
    "tags_in_order": TAGS,
    "tags": {"upload": "Imagens", "chat": "Clientes", "attendant": "Atendentes", "health": "Estado do serviço"},
    "server": "Os endereços começam com",
    "problems": "Erros são `application/problem+json` (RFC 9457); o `type` de um erro é `urn:problem:` e um código.",
    "token": "Atendentes enviam `Authorization: Bearer ATTENDANT_TOKEN` ou o cookie do console.",
    "attendants": "só atendentes",
    "parameters": "Parâmetros",
    "places": {"path": "no caminho", "query": "na consulta", "header": "cabeçalho"},
    "optional": "opcional",
    "body": "Corpo",
    "answers": "Respostas",
    "event": "evento",
    "faults": "Erros",
    "types": "Tipos",
    "topics": "Tópicos",
    "runtime": "Tópicos da execução",
    "runtime_is": "Cada worker tem um tópico para o que não conseguiu tratar e, para cada tópico que lê, um do qual as "
    "mensagens mortas são reenviadas só para ele. Os registros são os bytes dos originais.",
    "headers": "Cabeçalhos",
    "carried": {
        "event": "Todo evento (CloudEvents, W3C Trace Context)",
        "DeadLetter": "Mensagens mortas, depois dos do original",
        "Replay": "Reenvios, depois dos do original",
        "Dropped": "Mensagens mortas descartadas",
    },
    "services": "Serviços",
    "value": "Valor",
    "key": "Chave",
    "publishers": "Publicado por",
    "groups": "Grupos de consumidores",
    "readers": "Lido para páginas por",
    "none": "nenhum",
    "or": "ou",
    "list of": "lista de",
    "object of": "objeto com valores do tipo",
    "file": "arquivo",
    "anything": "qualquer valor",
    "characters": "caracteres",
    "types_of_json": {
        "string": "texto",
        "number": "número",
        "integer": "número inteiro",
        "boolean": "verdadeiro ou falso",
        "null": "null",
        "object": "objeto",
    },
}

WORDS: dict[str, Words] = {"en": ENGLISH, "pt-BR": PORTUGUESE}
