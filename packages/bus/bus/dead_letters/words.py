"""What the command says, in the language of the terminal: LC_ALL, LC_MESSAGES or LANG."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from .handling import Outcome, State


@dataclass(frozen=True)
class Words:
    """One language. `{…}` stand for what the sentence is about."""

    about: str
    list_help: str
    show_help: str
    replay_help: str
    drop_help: str
    id_help: str
    service_help: str
    reason_help: str
    since_help: str
    all_help: str
    wrong: str
    no_duration: str
    no_id: str
    name_some: str
    not_both: str
    none: str
    count: str
    more: str
    columns: tuple[str, ...]
    states: Mapping[State, str]
    outcomes: Mapping[Outcome, str]
    fields: tuple[str, ...]
    attempts: str
    attempts_replayed: str
    failed_before: str
    no_value: str
    cut: str
    no_answer: str
    interrupted: str
    summary: Mapping[str, str]


ENGLISH = Words(
    about="Dead letters: what a service could not handle.",
    list_help="list them, the newest first",
    show_help="show one with all that is in it",
    replay_help="have the service that failed, and no other, handle them again",
    drop_help="note that nothing is to be done about them any more",
    id_help="SERVICE/PARTITION/OFFSET, as the list has it",
    service_help="of this service; may be given several times",
    reason_help="of this error, such as Undecodable",
    since_help="not older than this, such as 90m, 12h or 2d",
    all_help="all that wait",
    wrong="wrong arguments, see --help: {message}",
    no_duration="{text!r} is no time such as 90m, 12h or 2d",
    no_id="{text!r} is not of the form SERVICE/PARTITION/OFFSET, such as rotate-worker/0/12",
    name_some="say which: IDs, --service, --reason, --since or --all",
    not_both="say which: either IDs, or --service, --reason, --since or --all",
    none="No dead letters.",
    count="Dead letters: {number} ({states}).",
    more="There may be more: the list ends here, to read no more than it must. Narrow it with --service or --since.",
    columns=("ID", "SINCE", "STATE", "RECORD", "WHY"),
    states={
        "waiting": "waiting",
        "replayed": "replayed",
        "dropped": "dropped",
        "failed-again": "failed again",
    },
    outcomes={
        "replayed": "{id} is replayed.",
        "dropped": "{id} is dropped.",
        "replayed-before": "{id} was replayed before: nothing is done.",
        "dropped-before": "{id} was dropped before: nothing is done.",
        "missing": "{id}: there is no such dead letter.",
        "left-out": "{id} cannot be replayed: a part of the original was too large for a dead letter and is not in it.",
        "unreadable": "{id} cannot be replayed: its record could never be read; the value is the bytes in the log.",
        "no-dead-letter": "{id} cannot be replayed: its headers do not tell where the original was.",
        "nobody-reads": "{id} cannot be replayed: no topic takes it, since the service does not read {topic}.",
        "too-large": "{id} cannot be replayed: the topic of replays takes no record as large.",
    },
    fields=("State", "Since", "Record", "Its time", "Group", "Error", "Key", "Headers", "Value"),
    attempts="attempts: {attempts}",
    attempts_replayed="attempts: {attempts}, replays before: {replays}",
    failed_before="{state}; it is {id}, which was replayed and failed again",
    no_value="none",
    cut="… ({size} bytes in all)",
    no_answer="{error}: start the suite first (make run).",
    interrupted="Interrupted: what is said to be done is done, and the same command does the rest.",
    summary={"replayed": "Replayed: {number}.", "dropped": "Dropped: {number}."},
)
PORTUGUESE = Words(
    about="Mensagens mortas: o que um serviço não conseguiu tratar.",
    list_help="lista as mensagens mortas, as mais novas primeiro",
    show_help="mostra uma com tudo o que há nela",
    replay_help="faz o serviço que falhou, e nenhum outro, tratá-las de novo",
    drop_help="registra que não há mais nada a fazer com elas",
    id_help="SERVIÇO/PARTIÇÃO/OFFSET, como na lista",
    service_help="deste serviço; pode ser dado várias vezes",
    reason_help="deste erro, por exemplo Undecodable",
    since_help="não mais antigas que isto, por exemplo 90m, 12h ou 2d",
    all_help="todas as que esperam",
    wrong="argumentos errados, veja --help: {message}",
    no_duration="{text!r} não é um tempo como 90m, 12h ou 2d",
    no_id="{text!r} não tem a forma SERVIÇO/PARTIÇÃO/OFFSET, por exemplo rotate-worker/0/12",
    name_some="diga quais: IDs, --service, --reason, --since ou --all",
    not_both="diga quais: ou IDs, ou --service, --reason, --since ou --all",
    none="Nenhuma mensagem morta.",
    count="Mensagens mortas: {number} ({states}).",
    more="Pode haver mais: a lista acaba aqui, para não ler além do preciso. Restrinja com --service ou --since.",
    columns=("ID", "DESDE", "ESTADO", "REGISTRO", "MOTIVO"),
    states={
        "waiting": "esperando",
        "replayed": "reenviada",
        "dropped": "descartada",
        "failed-again": "falhou de novo",
    },
    outcomes={
        "replayed": "{id} foi reenviada.",
        "dropped": "{id} foi descartada.",
        "replayed-before": "{id} já tinha sido reenviada: nada é feito.",
        "dropped-before": "{id} já tinha sido descartada: nada é feito.",
        "missing": "{id}: não há tal mensagem morta.",
        "left-out": "{id} não pode ser reenviada: uma parte do original era grande demais e não está nela.",
        "unreadable": "{id} não pode ser reenviada: o registro nunca pôde ser lido; o valor são os bytes do log.",
        "no-dead-letter": "{id} não pode ser reenviada: os cabeçalhos não dizem onde o original estava.",
        "nobody-reads": "{id} não pode ser reenviada: nenhum tópico a aceita, pois o serviço não lê {topic}.",
        "too-large": "{id} não pode ser reenviada: o tópico de reenvios não aceita um registro tão grande.",
    },
    fields=("Estado", "Desde", "Registro", "Hora dele", "Grupo", "Erro", "Chave", "Cabeçalhos", "Valor"),
    attempts="tentativas: {attempts}",
    attempts_replayed="tentativas: {attempts}, reenvios antes: {replays}",
    failed_before="{state}; é {id}, que foi reenviada e falhou de novo",
    no_value="nenhum",
    cut="… ({size} bytes ao todo)",
    no_answer="{error}: inicie antes a suíte (make run).",
    interrupted="Interrompido: o que foi dito está feito, e o mesmo comando faz o resto.",
    summary={"replayed": "Reenviadas: {number}.", "dropped": "Descartadas: {number}."},
)


def of_terminal() -> Words:
    locale = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return PORTUGUESE if locale.lower().startswith("pt") else ENGLISH
