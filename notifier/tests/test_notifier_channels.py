"""The e-mail and Telegram channels: the messages, and the errors for the replies of servers."""

import base64
import smtplib
from io import BytesIO
from pathlib import Path

import pytest
from bus import PermanentError, RetryableError
from events import OperationFinished
from fake_servers import MailServer, TelegramServer
from notifier.channels import Contact, Message, RecipientDeferred, addresses
from notifier.email import Email
from notifier.sentences import sentence
from notifier.settings import NotifierSettings
from notifier.telegram import Telegram
from notifier.thumbnails import Thumbnails, thumbnail_in_child
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


def test_a_failure_has_its_reason_and_one_full_stop() -> None:
    failed = finished(status="failed", reason="A imagem está danificada.")
    assert sentence(failed) == "O arquivo perfil.jpg não pôde ser processado: A imagem está danificada."
    assert sentence(finished(status="failed", reason="It is gone", lang="en")) == (
        "The file perfil.jpg could not be processed: It is gone."
    )


def test_a_name_cannot_break_the_line() -> None:
    assert "\n" not in sentence(finished(original_name="a\r\nBcc: all@example.org\x00\u2028b.jpg"))
    assert len(sentence(finished(original_name="x" * 5_000))) < 400


def test_the_default_contact_is_for_uploads_without_a_recipient() -> None:
    default = Contact("fixed@example.org", "7")
    assert dict(addresses(finished(), default)) == {"email": "fixed@example.org", "telegram": "7"}
    assert dict(addresses(finished(email="ana@example.org"), default)) == {"email": "ana@example.org"}
    assert dict(addresses(finished(telegram_id="9"), default)) == {"telegram": "9"}
    assert dict(addresses(finished(), Contact())) == {}


@pytest.fixture
def email_channel(mail_port: int, monkeypatch: pytest.MonkeyPatch) -> Email:
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{mail_port}")
    return Email(NotifierSettings())


def test_a_mail_has_the_sentence_in_subject_and_body_and_the_thumbnail(
    email_channel: Email, mail_server: MailServer
) -> None:
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
    ("reply", "error"),
    [
        ("451 greylisted", RecipientDeferred),
        ("421 too busy", RetryableError),
        ("450 mailbox busy", RecipientDeferred),
        ("550 no such user", PermanentError),
        ("554 rejected", PermanentError),
    ],
)
def test_smtp_replies_are_retryable_deferred_or_permanent(
    email_channel: Email, mail_server: MailServer, reply: str, error: type[Exception]
) -> None:
    mail_server.reply = lambda _recipient, _attempt: reply
    with pytest.raises(error, match=reply[:3]) as caught:
        email_channel.send("ana@example.org", Message("text", "/upload/"), "1")
    assert caught.type is error
    assert mail_server.mails == []


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (smtplib.SMTPDataError(452, b"mailbox full"), RecipientDeferred),
        (smtplib.SMTPDataError(554, b"no spam"), PermanentError),
        (smtplib.SMTPSenderRefused(451, b"disk full", "suite@minharede.example"), RetryableError),
    ],
)
def test_smtp_errors_of_the_recipient_are_told_from_those_of_the_server(
    email_channel: Email, monkeypatch: pytest.MonkeyPatch, refusal: Exception, error: type[Exception]
) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise refusal

    monkeypatch.setattr(smtplib.SMTP, "connect", refuse)
    with pytest.raises(error) as caught:
        email_channel.send("ana@example.org", Message("text", "/upload/"), "1")
    assert caught.type is error


@pytest.mark.parametrize(
    "name",
    [
        "férias " * 12 + "fim.png",
        "ç" * 200 + " é",
        "a" * 100 + " b " + "c" * 100,
        "行きましょう 写真 " * 8,
        "plain " * 40 + "end",
        "=?utf-8?q?no?= ok",
    ],
)
def test_a_subject_arrives_with_all_its_spaces(email_channel: Email, mail_server: MailServer, name: str) -> None:
    texts = [sentence(finished(original_name=name, operation=operation)) for operation in ("rotate", "caption", "é")]
    for text in texts:
        email_channel.send("ana@example.org", Message(text, "/upload/"), "1")
    assert [mail["Subject"] for mail in mail_server.mails] == texts
    assert [mail.get_body().get_content().splitlines()[0] for mail in mail_server.mails] == texts


@pytest.mark.parametrize("name", ["coração maçã açúcar lá.jpg", "à v2 d'abonnement l'été"])
def test_a_subject_keeps_its_spaces_wherever_the_line_ends(
    email_channel: Email, mail_server: MailServer, name: str
) -> None:
    texts = [f"{'x' * before} {name}" for before in range(1, 78)]
    for text in texts:
        email_channel.send("ana@example.org", Message(text, "/upload/"), "1")
    assert [mail["Subject"] for mail in mail_server.mails] == texts


def test_a_domain_with_accents_is_sent_in_ascii(email_channel: Email, mail_server: MailServer) -> None:
    email_channel.send("ana@Maçã.example.org", Message("text", "/upload/"), "1")
    (mail,) = mail_server.mails
    assert (mail["To"], *mail_server.attempts) == ("ana@xn--ma-tiap.example.org",) * 2


def test_the_senders_domain_is_sent_in_ascii_too(
    email_channel: Email, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_FROM", "suite@maçã.example.org")
    Email(NotifierSettings()).send("ana@example.org", Message("text", "/upload/"), "1")
    (mail,) = mail_server.mails
    assert mail["From"] == "suite@xn--ma-tiap.example.org"


def test_a_server_that_wants_a_name_in_ehlo_is_given_it(
    email_channel: Email, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = "suite.example.org"
    mail_server.reply_to_name = lambda name: None if name == wanted else "504 5.5.2 need fully-qualified hostname"
    with pytest.raises(RetryableError, match="SMTP_EHLO_NAME") as caught:
        email_channel.send("ana@example.org", Message("text", "/upload/"), "1")
    assert caught.type is RetryableError
    monkeypatch.setenv("SMTP_EHLO_NAME", wanted)
    Email(NotifierSettings()).send("ana@example.org", Message("text", "/upload/"), "1")
    assert [mail["To"] for mail in mail_server.mails] == ["ana@example.org"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("504 5.5.2 <3f2a>: Helo command rejected: need fully-qualified hostname", RetryableError),
        ("504 need fully-qualified hostname", RetryableError),
        ("450 4.7.1 <3f2a>: Helo command rejected: Host not found", RetryableError),
        ("550 5.7.1 invalid HELO name", RetryableError),
        ("504 5.5.2 <ana@x>: Recipient address rejected: need fully-qualified address", PermanentError),
        ("550 5.1.1 <marchelo@example.org>: no such user", PermanentError),
    ],
)
def test_a_reply_about_our_name_is_not_counted_against_the_recipient(
    email_channel: Email, mail_server: MailServer, reply: str, error: type[Exception]
) -> None:
    mail_server.reply = lambda _recipient, _attempt: reply
    with pytest.raises(error) as caught:
        email_channel.send("ana@example.org", Message("text", "/upload/"), "1")
    assert caught.type is error


@pytest.mark.parametrize("refusal", [smtplib.SMTPConnectError(554, b"no"), smtplib.SMTPHeloError(550, b"no")])
def test_a_server_that_refuses_this_client_is_retryable(
    email_channel: Email, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise refusal

    monkeypatch.setattr(smtplib.SMTP, "connect", refuse)
    with pytest.raises(RetryableError) as caught:
        email_channel.send("ana@example.org", Message("text", "/upload/"), "1")
    assert caught.type is RetryableError


def test_an_unreachable_mail_server_is_retryable(email_channel: Email) -> None:
    with pytest.raises(RetryableError, match="ConnectionRefusedError"):
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
def test_only_a_single_address_is_accepted(email_channel: Email, mail_server: MailServer, address: str) -> None:
    with pytest.raises(PermanentError):
        email_channel.send(address, Message("text", "/upload/"), "1")
    assert mail_server.attempts == {}


def test_a_refused_login_is_retryable(email_channel: Email, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise smtplib.SMTPAuthenticationError(535, b"no")

    monkeypatch.setattr(smtplib.SMTP, "connect", refuse)
    with pytest.raises(RetryableError, match="SMTP_URL"):
        email_channel.send("ana@example.org", Message("text", "/upload/"), "1")


@pytest.fixture
def telegram(telegram_server: TelegramServer, monkeypatch: pytest.MonkeyPatch) -> Telegram:
    monkeypatch.setenv("TELEGRAM_API_URL", telegram_server.url)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    return Telegram(NotifierSettings())


def test_telegram_gets_a_photo_with_a_caption_or_a_message(telegram: Telegram, telegram_server: TelegramServer) -> None:
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
        (429, {"parameters": {"retry_after": 17}}, RetryableError, 17),
        (500, {}, RetryableError, 0),
        (302, {}, RetryableError, 0),
        (200, {}, RetryableError, 0),
        (200, {"ok": False}, RetryableError, 0),
        (401, {"description": "Unauthorized"}, PermanentError, None),
        (404, {"description": "Not Found"}, PermanentError, None),
        (400, {"description": "chat not found"}, PermanentError, None),
        (403, {"description": "blocked"}, PermanentError, None),
    ],
)
def test_telegram_replies_are_retryable_or_permanent(
    telegram: Telegram, telegram_server: TelegramServer, status: int, body: dict[str, object], error: type, after: float
) -> None:
    telegram_server.reply = lambda _number: (status, body)
    with pytest.raises(error) as caught:
        telegram.send("42", Message("text", "/upload/"), "1")
    assert getattr(caught.value, "after_seconds", None) == after
    assert TOKEN not in str(caught.value)


def test_too_many_messages_to_one_chat_hold_up_no_other(telegram: Telegram, telegram_server: TelegramServer) -> None:
    telegram_server.reply = lambda _number: (429, {"parameters": {"retry_after": 17}})
    with pytest.raises(RecipientDeferred):
        telegram.send("42", Message("text", "/upload/"), "1")


@pytest.mark.parametrize("refusal", ["PHOTO_INVALID_DIMENSIONS", "Bad Request: IMAGE_PROCESS_FAILED"])
def test_a_picture_that_telegram_refuses_does_not_cost_the_message(
    telegram: Telegram, telegram_server: TelegramServer, refusal: str
) -> None:
    telegram_server.reply = lambda number: (400, {"ok": False, "description": refusal}) if number == 1 else None
    telegram.send("42", Message("text", "/upload/", b"\xff\xd8jpeg"), "1")
    assert [path.rpartition("/")[2] for path, _body in telegram_server.calls] == ["sendPhoto", "sendMessage"]
    assert telegram_server.calls[1][1] == b"chat_id=42&text=text"


def test_a_chat_that_is_gone_is_a_permanent_error_with_a_picture_too(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.reply = lambda _number: (400, {"ok": False, "description": "Bad Request: chat not found"})
    with pytest.raises(PermanentError):
        telegram.send("42", Message("text", "/upload/", b"\xff\xd8jpeg"), "1")


MOVED = (400, {"ok": False, "parameters": {"migrate_to_chat_id": -100123}})


def test_a_group_that_became_a_supergroup_is_told_there_once(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.reply = lambda number: MOVED if number == 1 else None
    telegram.send("-42", Message("text", "/upload/"), "1")
    assert [body for _path, body in telegram_server.calls] == [b"chat_id=-42&text=text", b"chat_id=-100123&text=text"]


def test_a_group_that_moves_on_and_on_is_a_permanent_error(telegram: Telegram, telegram_server: TelegramServer) -> None:
    telegram_server.reply = lambda _number: MOVED
    with pytest.raises(PermanentError):
        telegram.send("-42", Message("text", "/upload/"), "1")
    assert len(telegram_server.calls) == 2


def test_the_token_is_not_in_the_log_whatever_its_level(
    telegram: Telegram, telegram_server: TelegramServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        telegram.send("42", Message("text", "/upload/"), "1")
        telegram_server.reply = lambda _number: (302, {})
        with pytest.raises(RetryableError):
            telegram.send("42", Message("text", "/upload/"), "1")
    assert TOKEN not in caplog.text


def test_the_token_is_not_in_errors_when_telegram_is_unreachable(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.stop()
    with pytest.raises(RetryableError) as caught:
        telegram.send("42", Message("text", "/upload/"), "1")
    assert TOKEN not in repr(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("address", ["../x", "42; DROP", "", "42\n43"])
def test_an_invalid_telegram_id_is_a_permanent_error(
    telegram: Telegram, telegram_server: TelegramServer, address: str
) -> None:
    with pytest.raises(PermanentError):
        telegram.send(address, Message("text", "/upload/"), "1")
    assert telegram_server.calls == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_FROM", "a@x..org"),
        ("NOTIFY_EMAIL", "a@x.org, b@x.org"),
        ("TELEGRAM_BOT_TOKEN", "secret"),
    ],
)
def test_invalid_settings_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        NotifierSettings()


def test_the_token_is_not_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    assert TOKEN not in repr(NotifierSettings())


@pytest.mark.parametrize(("form", "mode"), [("JPEG", "RGB"), ("PNG", "RGBA"), ("GIF", "P"), ("PNG", "I;16")])
def test_thumbnails_are_small_jpegs(tmp_path: Path, form: str, mode: str) -> None:
    Image.new(mode, (1600, 900)).save(tmp_path / "a", form)
    small = Image.open(BytesIO(base64.b64decode(thumbnail_in_child(str(tmp_path / "a")))))
    assert (small.format, small.mode, small.size) == ("JPEG", "RGB", (320, 180))


@pytest.mark.parametrize(
    ("size", "padded", "inside", "outside"),
    [
        ((3200, 100), (320, 16), (160, 8), (160, 0)),
        ((100, 3200), (16, 320), (8, 160), (0, 160)),
        ((2000, 1), (320, 16), (160, 7), (160, 0)),
    ],
)
def test_thumbnails_of_panoramas_are_padded_to_what_telegram_takes(
    tmp_path: Path, size: tuple[int, int], padded: tuple[int, int], inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    Image.new("RGB", size, "black").save(tmp_path / "a", "PNG")
    small = Image.open(BytesIO(base64.b64decode(thumbnail_in_child(str(tmp_path / "a"))))).convert("L")
    assert small.size == padded
    assert small.getpixel(inside) < 100
    assert small.getpixel(outside) > 200


def test_invalid_pictures_have_no_thumbnail(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    thumbnails = Thumbnails(store)
    assert [thumbnails.of(name) for name in (None, "gone.png", "broken.png", "../../etc/passwd")] == [None] * 4
