"""`make demo`: sends sample pictures and an angry customer through the running suite, and prints what happens.

It finds the suite by GATEWAY_PORT and the other settings, with or without containers.
"""

import io
import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any

import customer
from environment import WrongSetting, get_json, load_env, port, public_url, unready_services
from events.services import OPERATIONS
from gateway import LANGUAGE, request
from PIL import ExifTags, Image, ImageDraw, ImageFilter
from words import complain, say, tell

EMAIL = "ana@example.org"
RESULTS_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Sample:
    """A picture to send: its name, its special feature, and its bytes."""

    name: str
    about: str
    data: bytes


def main() -> int:
    load_env()
    try:
        if get_json("/upload/readyz")[0] != 200:
            complain(
                f"Nothing serves at {public_url()}/upload/: start the suite first (make run, or docker compose up).",
                f"Nada atende em {public_url()}/upload/: inicie antes a suíte (make run, ou docker compose up).",
            )
            return 1
        off = [name for name in unready_services() if name != "image-upload"]
        if off:
            names = ", ".join(off)
            tell(f"Off, so their part will wait: {names}", f"Desligados, a parte deles vai esperar: {names}")
        tell("Drawing four pictures …", "Desenhando quatro imagens …")
        sent: dict[str, tuple[str, float]] = {}
        for sample in list(samples()):
            started = time.monotonic()
            image = send(sample)
            sent[image["id"]] = sample.name, started
            size = f"{len(sample.data) / 1000:.0f} kB"
            tell(
                f"→ {sample.name} ({sample.about}, {size}): stored as {image['new_file']}, event in `image`",
                f"→ {sample.name} ({sample.about}, {size}): guardada como {image['new_file']}, evento em `image`",
            )
        left = follow(sent, off)
        print_links(len(sent))
        silent = not {"chat", "sentiment-consumer"} & set(off) and not customer.converse()
    except KeyboardInterrupt:
        return 130
    except (WrongSetting, OSError) as error:
        complain(str(error), str(error))
        return 1
    return 1 if left or silent else 0


def send(sample: Sample) -> dict[str, Any]:
    """Upload it as the page does; returns the image of the response. Raises OSError."""
    fields, files = {"email": EMAIL, "lang": LANGUAGE}, {"file": (sample.name, sample.data)}
    image: dict[str, Any] = request("POST", "/upload/api/images", data=fields, files=files).json()["images"][0]
    return image


def follow(sent: dict[str, tuple[str, float]], off: list[str]) -> list[str]:
    """Print each result when it is ready; returns what has none after the timeout.

    `sent`: by image id, the file name and the time at which it was sent.
    """
    started = time.monotonic()
    done: set[tuple[str, str]] = set()
    waiting: list[str] = []
    while time.monotonic() - started < RESULTS_TIMEOUT_SECONDS:
        waiting = []
        for image, (name, since) in sent.items():
            operations = get_json(f"/upload/api/images/{image}")[1].get("operations") or {"?": {"status": "pending"}}
            for operation, state in operations.items():
                if state["status"] == "pending":
                    if f"{operation}-worker" not in off:
                        waiting.append(f"{name}: {operation}")
                elif (image, operation) not in done:
                    done.add((image, operation))
                    _print_result(name, operation, state, time.monotonic() - since)
        if not waiting:
            return []
        time.sleep(0.1)
    names = "; ".join(waiting)
    complain(
        f"No result after {RESULTS_TIMEOUT_SECONDS:.0f} s: {names}",
        f"Sem resultado após {RESULTS_TIMEOUT_SECONDS:.0f} s: {names}",
    )
    return waiting


def _print_result(name: str, operation: str, state: dict[str, Any], seconds: float) -> None:
    if state["status"] == "failed":
        tell(f"✗ {name}: {operation}: {state['reason']}", f"✗ {name}: {operation}: {state['reason']}")
        return
    service = OPERATIONS.get(operation)
    label = (service.words(LANGUAGE).label if service else None) or operation
    line = f"← {name}, {label.lower()}: {seconds:.1f} s, {public_url()}{state['url']}"
    tell(line, line)


def print_links(pictures: int) -> None:
    url = public_url()
    tell("\nLook at it:", "\nVeja:")
    tell(f"  {url}/upload/    the pictures", f"  {url}/upload/    as imagens")
    tell(f"  {url}/mail/      the mails to {EMAIL}", f"  {url}/mail/      os e-mails para {EMAIL}")
    with suppress(OSError):
        request("GET", "/status/kafdrop", seconds=5)
        kafdrop = f"http://localhost:{port('KAFDROP_PORT')}/topic/notification"
        tell(f"  {kafdrop}    the events", f"  {kafdrop}    os eventos")


# The pictures, drawn at twice the size and scaled down for smooth edges.


def samples() -> Iterator[Sample]:
    yield Sample("praia ao pôr do sol.jpg", say("a photo", "uma foto"), _encode(beach(), "JPEG", quality=90))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # a phone held upright: the sensor is rotated
    rotated = mountains().transpose(Image.Transpose.ROTATE_90)
    about = say("from a phone: lies on its side, EXIF sets it upright", "de celular: deitada, o EXIF a põe em pé")
    yield Sample("lua na serra.jpg", about, _encode(rotated, "JPEG", quality=90, exif=exif))
    about = say("its background is transparent", "de fundo transparente")
    yield Sample("balão.png", about, _encode(balloon(), "PNG"))
    first, *others = pinwheel()
    data = _encode(first, "GIF", save_all=True, append_images=others, duration=50, loop=0, disposal=2)
    yield Sample("cata-vento.gif", say("it moves", "com movimento"), data)


def _encode(picture: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def _sky(size: tuple[int, int], *colours: tuple[int, int, int]) -> Image.Image:
    """A vertical gradient of the colours, from top to bottom."""
    column = Image.new("RGB", (1, len(colours)))
    column.putdata(colours)
    return column.resize(size, Image.Resampling.BICUBIC)


def _glow(picture: Image.Image, centre: tuple[int, int], radius: int, colour: tuple[int, int, int]) -> Image.Image:
    """Draw a disc of light with a halo."""
    halo = Image.new("L", picture.size)
    draw = ImageDraw.Draw(halo)
    x, y = centre
    for reach, light in ((4, 26), (2.6, 50), (1.7, 90)):
        draw.ellipse((x - reach * radius, y - reach * radius, x + reach * radius, y + reach * radius), fill=light)
    halo = halo.filter(ImageFilter.GaussianBlur(radius * 0.6))
    ImageDraw.Draw(halo).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return Image.composite(Image.new("RGB", picture.size, colour), picture, halo.filter(ImageFilter.GaussianBlur(2)))


def beach(width: int = 1600, height: int = 1064) -> Image.Image:
    chance = random.Random(1)  # noqa: S311 - the same picture each time
    w, h = width * 2, height * 2
    horizon = int(h * 0.58)
    picture = _sky(
        (w, h), (38, 24, 88), (124, 45, 122), (235, 88, 82), (255, 168, 76), (255, 214, 130), (255, 190, 110)
    )
    picture = _glow(picture, (int(w * 0.62), horizon - h // 14), h // 11, (255, 244, 196))
    sea = _sky((w, h - horizon), (196, 92, 86), (96, 58, 110), (40, 44, 96), (30, 50, 92))
    draw = ImageDraw.Draw(sea)
    for row in range(0, sea.height, 14):  # the sun on the water, broken by waves
        depth = row / sea.height
        for _ in range(9):
            middle = w * 0.62 + chance.gauss(0, w * (0.02 + 0.09 * depth))
            long = chance.uniform(0.2, 1) * w * (0.012 + 0.035 * depth)
            light = (255, chance.randrange(168, 226), chance.randrange(96, 150))
            draw.ellipse((middle - long, row, middle + long, row + 3 + 8 * depth), fill=light)
    picture.paste(sea, (0, horizon))
    draw = ImageDraw.Draw(picture)
    shore = [(x, h * 0.9 + sin(x / w * 7) * h * 0.015) for x in range(0, w + 40, 40)]
    draw.line([(x, y - 8) for x, y in shore], fill=(250, 222, 200), width=16)
    draw.polygon([*shore, (w, h), (0, h)], fill=(92, 62, 58))
    _palm(draw, w * 0.16, h * 0.95, h * 0.56)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _palm(draw: ImageDraw.ImageDraw, x: float, y: float, tall: float) -> None:
    dark = (28, 18, 36)
    trunk = [(x + tall * 0.22 * (step / 20) ** 2, y - tall * step / 20) for step in range(21)]
    for step, (left, top) in enumerate(trunk):
        thick = tall * (0.028 - 0.0007 * step)
        draw.ellipse((left - thick, top - tall * 0.04, left + thick, top + tall * 0.04), fill=dark)
    left, top = trunk[-1]
    for turn in range(9):
        angle = pi * (0.02 + turn * 0.12)
        for step in range(40):
            along = step / 40
            reach = tall * 0.42 * along
            leaf_x, leaf_y = left + cos(angle) * reach, top - sin(angle) * reach * 0.6 + tall * 0.3 * along**2
            leaf = tall * 0.05 * (1 - along) + 2
            draw.line((leaf_x, leaf_y, leaf_x - leaf * 0.4, leaf_y + leaf * 1.6), fill=dark, width=10)
            draw.ellipse((leaf_x - 6, leaf_y - 6, leaf_x + 6, leaf_y + 6), fill=dark)


def mountains(width: int = 900, height: int = 1200) -> Image.Image:
    chance = random.Random(4)  # noqa: S311
    w, h = width * 2, height * 2
    picture = _sky((w, h), (8, 12, 40), (20, 34, 84), (58, 84, 140), (150, 160, 190), (200, 190, 200))
    draw = ImageDraw.Draw(picture)
    for _ in range(160):
        x, y, star = chance.randrange(w), chance.randrange(h // 2), chance.choice((2, 3, 5))
        draw.ellipse((x, y, x + star, y + star), fill=(235, 240, 255))
    picture = _glow(picture, (int(w * 0.68), int(h * 0.2)), w // 14, (252, 248, 226))
    draw = ImageDraw.Draw(picture)
    for layer, colour in enumerate(((92, 110, 156), (62, 82, 128), (36, 56, 96), (18, 32, 60))):
        base, wild = h * (0.52 + layer * 0.12), h * 0.07
        phases = [chance.uniform(0, 2 * pi) for _ in range(6)]
        ridge = [
            (x, base - sum(wild / (n + 1) * sin(x / w * 3.1 * (n + 1) * 1.7 + phases[n]) for n in range(6)))
            for x in range(0, w + 12, 12)
        ]
        draw.polygon([*ridge, (w, h), (0, h)], fill=colour)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def balloon(width: int = 800, height: int = 1000) -> Image.Image:
    w, h = width * 2, height * 2
    picture = Image.new("RGBA", (w, h))
    draw = ImageDraw.Draw(picture)
    x, y, radius = w / 2, h * 0.38, h * 0.33
    rope = (90, 60, 40, 255)
    for side in (-1, -0.4, 0.4, 1):
        draw.line((x + side * radius * 0.42, y + radius * 0.9, x + side * w * 0.06, h * 0.86), fill=rope, width=8)
    colours = ("#d7263d", "#f46036", "#ffd23f", "#2e9e5b", "#1b7fc4", "#5f3b9e")
    steps = 400
    for step in range(steps):  # from the top down, in slices; below, the envelope narrows
        share = step / steps
        angle = pi * share * 0.86
        half = radius * sin(angle) if angle < pi / 2 else radius * (1 - 0.62 * ((angle - pi / 2) / (pi * 0.36)) ** 1.7)
        top = y - radius * 1.02 + share * radius * 2.15
        for gore, colour in enumerate(colours * 2):
            begin, end = (-cos(pi * (gore + part) / 12) * half for part in (0, 1))
            draw.rectangle((x + begin, top, x + end, top + radius * 2.15 / steps + 1), fill=colour)
    light = Image.new("L", (w, h))
    ImageDraw.Draw(light).ellipse((x - radius * 0.75, y - radius * 0.8, x - radius * 0.1, y + radius * 0.2), fill=120)
    light = light.filter(ImageFilter.GaussianBlur(radius * 0.18))
    shining = Image.composite(Image.new("RGBA", (w, h), "white"), picture, light)
    shining.putalpha(picture.getchannel("A"))
    draw = ImageDraw.Draw(shining)
    draw.rounded_rectangle((x - w * 0.075, h * 0.85, x + w * 0.075, h * 0.96), 24, fill=(150, 98, 52, 255))
    for row in range(4):
        level = h * (0.872 + row * 0.022)
        draw.line((x - w * 0.075, level, x + w * 0.075, level), fill=(112, 70, 36, 255), width=6)
    return shining.resize((width, height), Image.Resampling.LANCZOS)


def pinwheel(side: int = 320, frames: int = 20) -> list[Image.Image]:
    colours = ("#ef476f", "#ffd166", "#06d6a0", "#118ab2")
    pictures = []
    for frame in range(frames):
        picture = _sky((side * 2, side * 2), (186, 226, 250), (232, 246, 255))
        draw = ImageDraw.Draw(picture)
        x, y, reach = side, side * 0.82, side * 0.66
        draw.line((x, y, x, side * 2), fill="#8d6748", width=22)
        for sail, colour in enumerate(colours):
            angle = pi / 2 * (sail + frame / frames)
            tip = (x + cos(angle) * reach, y + sin(angle) * reach)
            corner = (x + cos(angle + 0.8) * reach * 0.72, y + sin(angle + 0.8) * reach * 0.72)
            draw.polygon([(x, y), tip, corner], fill=colour)
            draw.polygon(
                [(x, y), corner, tuple((a + b) / 2 for a, b in zip(tip, corner, strict=True))], fill="#ffffff60"
            )
        draw.ellipse((x - 18, y - 18, x + 18, y + 18), fill="#333d55")
        pictures.append(picture.resize((side, side), Image.Resampling.LANCZOS))
    return pictures


if __name__ == "__main__":
    sys.exit(main())
