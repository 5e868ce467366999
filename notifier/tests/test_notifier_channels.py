"""E-mail and Telegram: what is sent, and what answers of the other side mean."""

import base64
import smtplib
from io import BytesIO
from pathlib import Path

import pytest
from bus import Final, OperationFinished, Passing
from fake_servers import MailServer, TelegramServer
from notifier.channels import Contact, Message, PutOff, addresses
from notifier.email import Email
from notifier.sentences import sentence
from notifier.settings import NotifierSettings
from notifier.telegram import Telegram
from notifier.thumbnails import Thumbnails, thumbnail_of
from pictures import Store
from PIL import Image
from pydantic import ValidationError

TOKEN = "123456:ABC-secret_token"


def finished(**fields: object) -> OperationFinished:
    values = {"operation": "rotate", "status": "done", "lang": "pt-BR", "original_name": "perfil.jpg"} | fields
    return OperationFinished.model_validate({"timestamp": 1.5, "new_file": "abc.jpeg"} | values)


@pytest.mark.parametrize(
    ("operation", "lang", "text"),
    [
        ("rotate", "pt-BR", "O arquivo perfil.jpg foi rotacionado."),
        ("rotate", "en", "The file perfil.jpg was rotated."),
        ("grayscale", "pt-BR", "O arquivo perfil.jpg foi transformado em preto e branco."),
        ("grayscale", "en", "The file perfil.jpg was turned into black and white."),
        ("caption", "pt-BR", "O nome do arquivo perfil.jpg foi escrito na imagem."),
        ("caption", "en", "The name of the file perfil.jpg was written on the image."),
        ("mirror", "en", "The file perfil.jpg went through mirror."),
    ],
)
def test_sentences(operation: str, lang: str, text: str) -> None:
    assert sentence(finished(operation=operation, lang=lang)) == text


def test_what_failed_is_told_with_its_reason_and_one_full_stop() -> None:
    failed = finished(status="failed", reason="A imagem está danificada.")
    assert sentence(failed) == "O arquivo perfil.jpg não pôde ser processado: A imagem está danificada."
    assert sentence(finished(status="failed", reason="It is gone", lang="en")) == (
        "The file perfil.jpg could not be processed: It is gone."
    )


def test_a_name_cannot_break_the_line() -> None:
    assert "\n" not in sentence(finished(original_name="a\r\nBcc: all@example.org\x00\u2028b.jpg"))
    assert len(sentence(finished(original_name="x" * 5_000))) < 400


def test_the_fixed_contact_is_for_uploads_that_name_nobody() -> None:
    fixed = Contact("fixed@example.org", "7")
    assert dict(addresses(finished(), fixed)) == {"email": "fixed@example.org", "telegram": "7"}
    assert dict(addresses(finished(email="ana@example.org"), fixed)) == {"email": "ana@example.org"}
    assert dict(addresses(finished(telegram_id="9"), fixed)) == {"telegram": "9"}
    assert dict(addresses(finished(), Contact())) == {}


@pytest.fixture
def email_channel(mail_port: int, monkeypatch: pytest.MonkeyPatch) -> Email:
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{mail_port}")
    return Email(NotifierSettings())


def test_a_mail_says_it_in_subject_and_text_with_the_thumbnail(email_channel: Email, mail_server: MailServer) -> None:
    text = "O arquivo férias.jpg foi rotacionado."
    email_channel.send("ana@example.org", Message(text, "/upload/", b"\xff\xd8jpeg"), "event-1")
    email_channel.send("ana@example.org", Message(text, "/upload/"), "event-1")
    first, second = mail_server.mails
    assert (first["To"], first["Subject"]) == ("ana@example.org", "O arquivo férias.jpg foi rotacionado.")
    assert first.get_body().get_content().startswith("O arquivo férias.jpg foi rotacionado.")
    (attachment,) = first.iter_attachments()
    assert (attachment.get_content_type(), attachment.get_content()) == ("image/jpeg", b"\xff\xd8jpeg")
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("451 greylisted", PutOff),
        ("421 too busy", Passing),
        ("450 mailbox busy", PutOff),
        ("550 no such user", Final),
        ("554 rejected", Final),
    ],
)
def test_what_may_pass_is_told_from_what_is_final(
    email_channel: Email, mail_server: MailServer, answer: str, error: type[Exception]
) -> None:
    mail_server.answer = lambda _recipient, _times: answer
    with pytest.raises(error, match=answer[:3]) as caught:
        email_channel.send("ana@example.org", Message("text", "/upload/"), "1")
    assert caught.type is error
    assert mail_server.mails == []


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (smtplib.SMTPDataError(452, b"mailbox full"), PutOff),
        (smtplib.SMTPDataError(554, b"no spam"), Final),
        (smtplib.SMTPSenderRefused(451, b"disk full", "suite@minharede.example"), Passing),
    ],
)
def test_what_is_of_the_recipient_is_told_from_what_is_of_the_server(
    email_channel: Email, monkeypatch: pytest.MonkeyPatch, refusal: Exception, error: type[Exception]
) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise refusal

    monkeypatch.setattr(smtplib.SMTP, "connect", refuse)
    with pytest.raises(error) as caught:
        email_channel.send("ana@example.org", Message("text", "/upload/"), "1")
    assert caught.type is error


def test_a_mail_server_that_is_away_may_come_back(email_channel: Email) -> None:
    with pytest.raises(Passing, match="ConnectionRefusedError"):
        email_channel.send("ana@example.org", Message("text", "/upload/"), "1")


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org, b@example.org",
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org b@example.org",
        "nobody",
        "@x",
    ],
)
def test_nothing_but_one_address_is_taken(email_channel: Email, mail_server: MailServer, address: str) -> None:
    with pytest.raises(Final):
        email_channel.send(address, Message("text", "/upload/"), "1")
    assert mail_server.asked == {}


def test_a_refused_login_waits_for_someone_to_mend_it(email_channel: Email, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise smtplib.SMTPAuthenticationError(535, b"no")

    monkeypatch.setattr(smtplib.SMTP, "connect", refuse)
    with pytest.raises(Passing, match="SMTP_URL"):
        email_channel.send("ana@example.org", Message("text", "/upload/"), "1")


@pytest.fixture
def telegram(telegram_server: TelegramServer, monkeypatch: pytest.MonkeyPatch) -> Telegram:
    monkeypatch.setenv("TELEGRAM_API_URL", telegram_server.url)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    return Telegram(NotifierSettings())


def test_telegram_gets_the_photo_with_the_sentence_or_the_sentence_alone(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram.send("42", Message("O arquivo férias.jpg foi rotacionado.", "/upload/", b"\xff\xd8jpeg"), "1")
    telegram.send("42", Message("text", "/upload/"), "1")
    (photo, photo_body), (message, message_body) = telegram_server.calls
    assert photo == f"/bot{TOKEN}/sendPhoto"
    assert "O arquivo férias.jpg foi rotacionado.".encode() in photo_body
    assert b"\xff\xd8jpeg" in photo_body
    assert (message, message_body) == (f"/bot{TOKEN}/sendMessage", b"chat_id=42&text=text")


@pytest.mark.parametrize(
    ("status", "body", "error", "after"),
    [
        (429, {"parameters": {"retry_after": 17}}, Passing, 17),
        (500, {}, Passing, 0),
        (401, {"description": "Unauthorized"}, Final, None),
        (404, {"description": "Not Found"}, Final, None),
        (400, {"description": "chat not found"}, Final, None),
        (403, {"description": "blocked"}, Final, None),
    ],
)
def test_what_telegram_answers_decides(
    telegram: Telegram, telegram_server: TelegramServer, status: int, body: dict[str, object], error: type, after: float
) -> None:
    telegram_server.answer = lambda _number: (status, body)
    with pytest.raises(error) as caught:
        telegram.send("42", Message("text", "/upload/"), "1")
    assert getattr(caught.value, "after", None) == after
    assert TOKEN not in str(caught.value)


def test_the_token_is_in_no_message_when_telegram_is_away(telegram: Telegram, telegram_server: TelegramServer) -> None:
    telegram_server.stop()
    with pytest.raises(Passing) as caught:
        telegram.send("42", Message("text", "/upload/"), "1")
    assert TOKEN not in repr(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("address", ["../x", "42; DROP", "", "42\n43"])
def test_what_is_no_telegram_id_is_final(telegram: Telegram, telegram_server: TelegramServer, address: str) -> None:
    with pytest.raises(Final):
        telegram.send(address, Message("text", "/upload/"), "1")
    assert telegram_server.calls == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "ftp://x"),
        ("SMTP_URL", "smtp://"),
        ("MAIL_FROM", "nobody"),
        ("NOTIFY_EMAIL", "a@x.org, b@x.org"),
        ("TELEGRAM_BOT_TOKEN", "secret"),
    ],
)
def test_wrong_settings_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        NotifierSettings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_URL", "smtps://ana:p%40ss@mail.example.org")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    settings = NotifierSettings()
    assert settings.smtp_server == ("smtps", "mail.example.org", 465)
    assert settings.smtp_login == ("ana", "p@ss")
    assert "p%40ss" not in repr(settings)
    assert TOKEN not in repr(settings)


@pytest.mark.parametrize(("form", "mode"), [("JPEG", "RGB"), ("PNG", "RGBA"), ("GIF", "P"), ("PNG", "I;16")])
def test_thumbnails_are_small_jpegs(tmp_path: Path, form: str, mode: str) -> None:
    Image.new(mode, (1600, 900)).save(tmp_path / "a", form)
    small = Image.open(BytesIO(base64.b64decode(thumbnail_of(str(tmp_path / "a")))))
    assert (small.format, small.mode, small.size) == ("JPEG", "RGB", (320, 180))


def test_what_has_no_thumbnail_goes_without(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    thumbnails = Thumbnails(store)
    assert [thumbnails.of(name) for name in (None, "gone.png", "broken.png", "../../etc/passwd")] == [None] * 4
