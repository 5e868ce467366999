import pytest
from chatbot.wishes import asks_for_person

from chatbot import bot


@pytest.mark.parametrize(
    "message",
    [
        "quero falar com um atendente",
        "Quero falar com uma pessoa.",
        "gostaria de conversar com um humano, por favor",
        "posso falar com alguém?",
        "como faço para falar com um atendente de verdade?",
        "não consigo falar com um atendente",
        "me passa para um atendente",
        "me transfere para outra atendente por favor",
        "chama um humano aí",
        "quero um atendente humano!",
        "preciso de atendimento humano",
        "quero ser atendida por uma pessoa",
        "atendente!",
        "ATENDENTE",
        "atendente por favor",
        "um humano, por favor",
        "/atendente",
        "human please",
        "Human!",
        "talk to a person",
        "I want to talk to a person.",
        "can I speak to someone?",
        "could you connect me with an agent",
        "let me chat with a real human being",
        "please transfer me to a representative",
        "I need a human",
        "get me a real person",
        "agent",
        "a real person please",
        "/human",
    ],
)
def test_a_wish_for_a_person_is_recognised(message: str) -> None:
    assert asks_for_person(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "oi",
        "ontem falei com um atendente e ele foi ótimo",
        "o atendente me ajudou muito",
        "não quero falar com um atendente",
        "não preciso de um atendente",
        "você é uma pessoa?",
        "uma pessoa comprou dois produtos",
        "quero comprar um presente para uma pessoa",
        "preciso de ajuda",
        "quem foi a primeira pessoa na lua?",
        "o travel agent me ligou",
        "are you human?",
        "I do not want to talk to a person",
        "no need to talk to anyone",
        "I talked to an agent yesterday",
        "a person broke my phone",
        "what is a human?",
        "user agent string",
        "quero falar com você sobre pessoas " + "e mais uma coisa " * 30,
    ],
)
def test_what_only_speaks_of_people_is_none(message: str) -> None:
    assert not asks_for_person(message)


def test_the_reply_says_that_someone_is_called_in_the_language_of_the_wish() -> None:
    assert bot.reply("quero falar com um atendente", "bot", "en") == bot.CALLING["pt-BR"]
    assert bot.reply("I want to talk to a person", "closed") == bot.CALLING["en"]
    assert bot.reply("/atendente", "bot", "pt-BR") == bot.CALLING["pt-BR"]


def test_who_waits_already_is_told_so_and_who_has_a_person_gets_no_robot() -> None:
    assert bot.reply("atendente!", "waiting") == bot.CALLED["pt-BR"]
    assert bot.reply("atendente!", "human") == ""


def test_only_the_reply_that_calls_someone_does() -> None:
    assert all(bot.calls_person(reply) for reply in bot.CALLING.values())
    assert not any(bot.calls_person(reply) for reply in (*bot.CALLED.values(), *bot.FALLBACK.values(), ""))


def test_the_fallback_names_a_word_that_calls_a_person() -> None:
    for reply in bot.FALLBACK.values():
        assert asks_for_person(reply.partition("“")[2].partition("”")[0])
