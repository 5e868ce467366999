"""Recognises that someone wants to talk to a person, in Portuguese and English. A pure function."""

import re

from .text import plain

_PERSON = (
    r"(?:atendentes?|human[oa]s?|pessoas?|alguem|operador(?:a|es)?|gente|ser humano|(?:atendimento|suporte) humano"
    r"|attendants?|humans?|human being|persons?|people|agents?|operators?|representatives?|reps?|someone|somebody)"
)
_DETERMINER = (
    r"(?:um|uma|o|a|os|as|algum|alguma|outro|outra|seu|sua|verdadeir[oa]"
    r"|an|the|some|any|another|your|real|actual|live|human)"
)
_SOMEONE = rf"(?:{_DETERMINER} )*{_PERSON}"
_ALONE = re.compile(
    rf"(?:por favor|please|oi|ola|hi|hello|hey)? ?{_SOMEONE}(?: (?:real|humano|humana|de verdade|now|agora|ja))?"
    r"(?: (?:por favor|pfv?|pls|please))?"
)
"""A message that says nothing else."""
_TALK = re.compile(
    r"\b(?:falar|conversar|teclar|contato|atendid[oa])"
    rf"(?: (?:diretamente|direto|agora|ja|logo))? (?:com|por) {_SOMEONE}\b"
    r"|\b(?:talk|talking|speak|speaking|chat|chatting|connect(?:ed)?|transfer(?:red)?|contact)"
    rf"(?: me)?(?: (?:now|directly))? (?:to|with) {_SOMEONE}\b"
)
_CALL = re.compile(
    r"\b(?:cham[ae]r?|chamem|transf(?:ere|erir|ira)|pass(?:a|e|ar)|quero|queria|(?:preciso|precisava)(?: de)?|exijo)"
    r"(?: (?:me|para|pra|por))* (?:um|uma|o|a|algum|alguma)? ?(?:outr[oa] )?"
    r"(?:atendentes?|(?:ser )?humano|operadora?|(?:atendimento|suporte) humano|pessoa (?:real|de verdade|humana))\b"
    r"|\b(?:get|give|call|find|want|need|fetch)(?: me)? (?:an? |the |some |another )?(?:real |actual |live |human )?"
    r"(?:humans?|human being|attendants?|agents?|operators?|representatives?"
    r"|(?:(?<=real )|(?<=actual )|(?<=live ))person)\b"
)
_REFUSED = re.compile(
    r"\b(?:nao (?:quero|preciso|precisa|desejo|gosto)|sem|do not|dont|don t|no need|never|not)"
    r" (?:mais |de |to |want |need |like )*"
    r"(?:(?:falar|conversar|talk|talking|speak|speaking|chat)(?: (?:com|to|with))? )?"
    rf"{_SOMEONE}\b"
)
_COMMANDS = {"/atendente", "/attendant", "/humano", "/human"}
MAX_CHARACTERS = 300
"""Of a wish: what is longer tells a story, and its tone is what counts."""


def asks_for_person(message: str) -> bool:
    """Whether `message` says that its writer wants a human to answer.

    It says so by itself ("atendente!", "human please", "/atendente") or in a sentence ("quero falar com uma pessoa",
    "can I talk to someone?"). That someone was talked to, or is not wanted, is no wish.
    """
    if message.strip().casefold() in _COMMANDS:
        return True
    text = plain(message)
    if not text or len(text) > MAX_CHARACTERS or _REFUSED.search(text):
        return False
    return bool(_ALONE.fullmatch(text) or _TALK.search(text) or _CALL.search(text))
