"""The answers of the bot, and their language."""

import pytest

from chatbot import bot


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Olá", "Oi"),
        ("ola!!", "Oi"),
        ("OLÁ", "Oi"),
        ("Bom dia", "Bom dia! Em que posso ajudar?"),
        ("quantos estados tem o brasil", "São 26 estados mais o Distrito Federal."),
        ("Quem foi o primeiro homem a pisar na Lua?", "Neil Alden Armstrong"),
        ("Quem é você?", "Sou um robô. Respondo ao que sei, e uma pessoa assume a conversa quando é preciso."),
        ("obrigada", "De nada!"),
        ("Hello", "Hi"),
        ("hi!", "Hello"),
        ("Good morning", "Good morning! How can I help?"),
        ("my internet isn't working", "Restart your router and check if the cables are connected properly."),
        ("What is an operating sistem", "Software that coordinates between the hardware and other parts of the"),
        ("Are you a bot", "Yes, I am a bot. A person takes over when it is needed."),
        ("THANK YOU", "You are welcome!"),
    ],
)
def test_it_answers_known_questions_in_any_spelling(question: str, answer: str) -> None:
    assert bot.answer(question).startswith(answer)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Onde está o meu pedido?", "pt-BR"),
        ("Onde esta meu pedido", "pt-BR"),
        ("Isto é um absurdo!", "pt-BR"),
        ("Meu boleto veio errado de novo", "pt-BR"),
        ("vocês são péssimos", "pt-BR"),
        ("Where is my order?", "en"),
        ("This is ridiculous!", "en"),
        ("The page freezes", "en"),
        ("you charged me twice", "en"),
        ("I want my money back", "en"),
    ],
)
@pytest.mark.parametrize("default_language", ["pt-BR", "en"])
def test_the_fallback_is_in_the_language_of_the_question(
    question: str, language: bot.Language, default_language: bot.Language
) -> None:
    assert bot.answer(question, default_language) == bot.FALLBACK[language]


def test_the_fallback_changes_once_a_person_was_called() -> None:
    assert bot.answer("Isto é um absurdo!", "en", called=True) == bot.CALLED["pt-BR"]
    assert bot.answer("This is ridiculous!", called=True) == bot.CALLED["en"]
    assert bot.answer("thanks", called=True) == bot.answer("thanks")


@pytest.mark.parametrize("question", ["😀😀", "?!", "12345", "", "   ", "שלום עולם", "مرحبا", "…"])
def test_if_the_language_is_unknown_it_uses_that_of_the_page(question: str) -> None:
    assert bot.answer(question, "pt-BR") == bot.FALLBACK["pt-BR"]
    assert bot.answer(question, "en") == bot.FALLBACK["en"]


def test_a_greeting_before_a_complaint_is_not_answered_as_a_greeting() -> None:
    assert bot.answer("Olá, o meu pedido não chegou e ninguém responde") == bot.FALLBACK["pt-BR"]
    assert bot.answer("Hello, my order is late and nobody answers") == bot.FALLBACK["en"]


def test_it_answers_the_questions_of_the_corpus_as_the_corpus_does() -> None:
    for lang in bot.FOLDERS:
        answers = bot._answers(lang)
        assert len(answers) > 100
        wrong = [question for question, answer in answers.items() if bot.answer(question, lang) != answer]
        assert len(wrong) < len(answers) * 0.03, wrong  # a few are written in both languages


def test_it_detects_the_language_of_the_corpus() -> None:
    for lang in bot.FOLDERS:
        questions = list(bot._answers(lang))
        right = [question for question in questions if bot.language(question) == lang]
        assert len(right) > 0.97 * len(questions)


def test_insults_and_flattery_of_the_corpus_are_left_out() -> None:
    for question in ("você é muito sexy", "you are stupid", "tell me gossip"):
        assert bot.answer(question) in bot.FALLBACK.values()
