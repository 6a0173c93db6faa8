"""Whose number is it: the carriers whose tracking numbers have this form, by pattern and check digit.

Sources: the carriers' published barcode guides as gathered in tracking_number_data (patterns, check
digits and numbers to test with); UPU S10 for postal items; ISO 7064 for DPD. Several carriers use the
same form, so all that fit are told, the likeliest first; what the channel or the supplier said breaks
the tie. A number without check digit that fits proves little.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from core.model.reasons import Reason

#: Whether the digit (or letter) at the end is right for what stands before it.
Check = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Form:
    """One form of one carrier's numbers. Groups of `pattern`: `s` is checked, `c` is the check digit."""

    name: str
    carrier: str
    pattern: str
    check: Check | None = None
    #: may stand behind a routing code: 420 and the ZIP, or the ZIP and its four more
    routed: bool = False

    def fits(self, number: str) -> re.Match[str] | None:
        """The parts of a number (no spaces, capital letters) that has this form."""
        starts = (0, 8, 12) if self.routed and number.startswith("420") else (0,)
        for start in starts:
            found = _compiled(self.pattern).fullmatch(number, start)
            if found and (self.check is None or self.check(found["s"], found["c"])):
                return found
        return None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _value(letter: str) -> int:
    """A digit as it is; a letter as UPS and OnTrac count it: A is 2, B is 3, ..."""
    return int(letter) if letter.isdigit() else (ord(letter) - 3) % 10


def _mod10(*, first: int, second: int) -> Check:
    """Weights `first` and `second` by turns; the check digit fills up to the next ten."""

    def check(serial: str, digit: str) -> bool:
        total = sum(_value(one) * (second if at % 2 else first) for at, one in enumerate(serial))
        return int(digit) == -total % 10

    return check


def _weighted(*weights: int) -> Check:
    """FedEx: the weighted sum modulo 11, of which the last digit counts."""

    def check(serial: str, digit: str) -> bool:
        total = sum(int(one) * weight for one, weight in zip(serial, weights, strict=True))
        return int(digit) == total % 11 % 10

    return check


def _mod7(serial: str, digit: str) -> bool:
    """DHL Express."""
    return int(serial) % 7 == int(digit)


def _luhn(serial: str, digit: str) -> bool:
    doubled = (int(one) * (1 if at % 2 else 2) for at, one in enumerate(reversed(serial)))
    return int(digit) == -sum(one // 10 + one % 10 for one in doubled) % 10


def _s10(serial: str, digit: str) -> bool:
    """UPU S10."""
    total = sum(
        int(one) * weight for one, weight in zip(serial, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)
    )
    return int(digit) == {10: 0, 11: 5}.get(11 - total % 11, 11 - total % 11)


_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _mod37_36(serial: str, digit: str) -> bool:
    """ISO 7064 MOD 37,36."""
    rest = 36
    for one in serial:
        rest = (rest + _ALPHABET.index(one)) % 36 or 36
        rest = rest * 2 % 37
    return _ALPHABET[(37 - rest) % 36] == digit


_USPS = _mod10(first=3, second=1)
_FEDEX_12 = _weighted(3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)
_FEDEX_34 = _weighted(1, 7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)
_UPS = _mod10(first=1, second=2)


def _short_91(serial: str, digit: str) -> bool:
    """USPS: printed without the 91 that its check digit counts."""
    return _USPS("91" + serial, digit)


#: Service type and the mailer's id, of nine digits if it starts with 9, else of six; then the piece.
_PIECE = r"\d{3}(?:9\d{8}(?:\d{7}|\d{11})|[0-8]\d{5}(?:\d{10}|\d{14}))"
_PIECE_OF_NINE = r"\d{3}9\d{8}(?:\d{7}|\d{11})"
_PIECE_OF_SIX = r"\d{3}[0-8]\d{5}(?:\d{10}|\d{14})"

#: More telling forms first: of two that fit, the one higher up is the likelier.
FORMS: tuple[Form, ...] = (
    Form("ups", "ups", r"1Z(?P<s>[A-Z0-9]{15})(?P<c>\d)", _UPS),
    Form("usps_impb_n", "usps", rf"(?P<s>94{_PIECE})(?P<c>\d)", _USPS, routed=True),
    Form("usps_impb_n_30", "usps", r"(?P<s>94\d{3}9\d{23})(?P<c>\d)", _USPS, routed=True),
    Form(
        "usps_impb_c",
        "usps",
        rf"(?P<s>92{_PIECE_OF_NINE}|93{_PIECE_OF_SIX}|95{_PIECE})(?P<c>\d)",
        _USPS,
        routed=True,
    ),
    Form("usps_91", "usps", r"(?P<s>91\d{19})(?P<c>\d)", _USPS, routed=True),
    Form(
        "fedex_ground_96",
        "fedex",
        r"96\d{5}(?P<s>\d{14})(?P<c>\d)",
        _mod10(first=1, second=3),
    ),
    Form("fedex_ground_gsn", "fedex", r"96\d{2}\d{5}\d{10}\d(?P<s>\d{13})(?P<c>\d)", _FEDEX_34),
    Form("fedex_34", "fedex", r"[0-8]\d{14}\d{5}(?P<s>\d{13})(?P<c>\d)", _FEDEX_34),
    Form("fedex_astra_32", "fedex", r"3\d{5}\d{3}\d{7}(?P<s>\d{11})(?P<c>\d)\d{4}", _FEDEX_12),
    Form("fedex_12", "fedex", r"(?P<s>\d{11})(?P<c>\d)", _FEDEX_12),
    Form("fedex_ground", "fedex", r"(?P<s>\d{14})(?P<c>\d)", _mod10(first=1, second=3)),
    Form("fedex_sscc_18", "fedex", r"\d{2}(?P<s>\d{15})(?P<c>\d)", _mod10(first=3, second=1)),
    Form("usps_20", "usps", r"(?P<s>\d{19})(?P<c>\d)", _USPS),
    Form("usps_20_of_91", "usps", r"(?P<s>\d{19})(?P<c>\d)", _short_91, routed=True),
    Form("ontrac", "ontrac", r"(?P<s>[CD]\d{13})(?P<c>\d)", _mod10(first=1, second=2)),
    Form("amazon", "amazon", r"TB[ACM]\d{12}"),
    Form("gofo", "gofo", r"GFUS\d{14}"),
    Form("yunexpress", "yunexpress", r"YT\d{16}"),
    Form("speedee", "speedee", r"SP\d{18}"),
    Form("lasership_1ls7", "lasership", r"1LS7[12]\d{10}"),
    Form("lasership_1ls7_18", "lasership", r"1LS7[12]\d{2}01[1234]\d{6}-?1"),
    Form("lasership_1lscx", "lasership", r"1LSCX[0-9A-Z]{10}"),
    Form("lasership_lx", "lasership", r"L[AIEHNX][1-3]\d{7}"),
    Form("landmark", "landmark", r"LTN\d{8}N1"),
    Form("dpd", "dpd", r"(?P<s>\d{27})(?P<c>[0-9A-Z])", _mod37_36),
    Form("dpd_14", "dpd", r"(?P<s>\d{14})(?P<c>[0-9A-Z])", _mod37_36),
    Form("canada_post", "canada_post", r"(?P<s>\d{15})(?P<c>\d)", _mod10(first=3, second=1)),
    Form("dhl_express", "dhl", r"(?P<s>\d{9,10})(?P<c>\d)", _mod7),
    Form("dhl_express_piece", "dhl", r"J[A-Z]{2,3}\d{9,10}"),
    Form("ups_waybill", "ups", r"[AHJKTV](?P<s>\d{9})(?P<c>\d)", _UPS),
    Form("purolator", "purolator", r"(?P<s>[0-5]\d{10})(?P<c>\d)", _luhn),
    Form("purolator_letters", "purolator", r"[A-Z]{3}\d{9}"),
    Form(
        "old_dominion",
        "old_dominion",
        r"(?P<s>(?:77[78]|072|780)\d{7})(?P<c>\d)",
        _luhn,
    ),
    Form("old_dominion_guaranteed", "old_dominion", r"(?P<s>80\d{8})(?P<c>\d)", _luhn),
    Form("canpar", "canpar", r"[CDKLSUXZ]\d{21}"),
    Form("yodel", "yodel", r"JJ?D\d{16}"),
    Form(
        "dhl_ecommerce",
        "dhl_ecommerce",
        r"(?:GM|LX|RX|UV|CN|SG|TH|IN|HK|MY)(?=\D*\d)[0-9A-Z]{10,39}",
    ),
    Form("dhl_ecommerce_14", "dhl_ecommerce", r"\d{14}"),
    Form("amazon_international", "amazon", r"[AFC]\d{10}"),
)

#: Who issues postal items in a country (UPU S10), by our word; elsewhere "post_" and the country.
_POSTS = {
    "US": "usps",
    "CA": "canada_post",
    "GB": "royal_mail",
    "DE": "deutsche_post",
    "CN": "china_post",
    "HK": "hongkong_post",
    "SG": "singapore_post",
    "JP": "japan_post",
    "AU": "australia_post",
    "FR": "la_poste",
    "MX": "correos_mexico",
}
_S10_FORM = Form("s10", "post", r"[A-Z]{2}(?P<s>\d{8})(?P<c>\d)(?P<country>[A-Z]{2})", _s10)
#: Countries (ISO 3166) whose posts issue such numbers.
_ISSUERS = frozenset(
    [
        "AE",
        "AF",
        "AG",
        "AL",
        "AM",
        "AO",
        "AR",
        "AT",
        "AU",
        "AZ",
        "BA",
        "BB",
        "BD",
        "BE",
        "BF",
        "BG",
        "BH",
        "BI",
        "BJ",
        "BN",
        "BO",
        "BR",
        "BS",
        "BT",
        "BW",
        "BY",
        "BZ",
        "CA",
        "CD",
        "CF",
        "CG",
        "CH",
        "CI",
        "CL",
        "CM",
        "CN",
        "CO",
        "CR",
        "CU",
        "CV",
        "CY",
        "CZ",
        "DE",
        "DJ",
        "DK",
        "DM",
        "DO",
        "DZ",
        "EC",
        "EE",
        "EG",
        "ER",
        "ES",
        "ET",
        "FI",
        "FJ",
        "FR",
        "GA",
        "GB",
        "GD",
        "GE",
        "GH",
        "GM",
        "GN",
        "GQ",
        "GR",
        "GT",
        "GW",
        "GY",
        "HK",
        "HN",
        "HR",
        "HT",
        "HU",
        "ID",
        "IE",
        "IL",
        "IN",
        "IQ",
        "IR",
        "IS",
        "IT",
        "JM",
        "JO",
        "JP",
        "KE",
        "KG",
        "KH",
        "KI",
        "KM",
        "KN",
        "KP",
        "KR",
        "KW",
        "KZ",
        "LA",
        "LB",
        "LC",
        "LI",
        "LK",
        "LR",
        "LS",
        "LT",
        "LU",
        "LV",
        "LY",
        "MA",
        "MC",
        "MD",
        "ME",
        "MG",
        "MK",
        "ML",
        "MM",
        "MN",
        "MR",
        "MT",
        "MU",
        "MV",
        "MW",
        "MX",
        "MY",
        "MZ",
        "NA",
        "NE",
        "NG",
        "NI",
        "NL",
        "NO",
        "NP",
        "NR",
        "NZ",
        "OM",
        "PA",
        "PE",
        "PG",
        "PH",
        "PK",
        "PL",
        "PT",
        "PY",
        "QA",
        "RO",
        "RS",
        "RU",
        "RW",
        "SA",
        "SB",
        "SC",
        "SD",
        "SE",
        "SG",
        "SI",
        "SK",
        "SL",
        "SM",
        "SN",
        "SO",
        "SR",
        "SS",
        "ST",
        "SV",
        "SY",
        "SZ",
        "TD",
        "TG",
        "TH",
        "TJ",
        "TL",
        "TM",
        "TN",
        "TO",
        "TR",
        "TT",
        "TV",
        "TZ",
        "UA",
        "UG",
        "US",
        "UY",
        "UZ",
        "VA",
        "VC",
        "VE",
        "VN",
        "VU",
        "WS",
        "YE",
        "ZA",
        "ZM",
        "ZW",
    ]
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A carrier whose number it may be."""

    carrier: str
    #: which of its forms
    form: str
    #: a check digit was there, and is right
    checked: bool


def candidates(number: str) -> tuple[Candidate, ...]:
    """Every carrier with a form that fits, the likeliest first; none: nobody's that we know.

    Spaces and the case of letters do not matter.

    >>> [one.carrier for one in candidates("1Z 5R8 9390 357567127")]
    ['ups']
    """
    return tuple(sorted(_fitting("".join(number.split()).upper()), key=lambda one: not one.checked))


def _fitting(number: str) -> Iterator[Candidate]:
    for form in FORMS:
        if form.fits(number):
            yield Candidate(form.carrier, form.name, form.check is not None)
    postal = _S10_FORM.fits(number)
    if postal and postal["country"] in _ISSUERS:
        country = postal["country"]
        yield Candidate(_POSTS.get(country, f"post_{country.lower()}"), _S10_FORM.name, True)


#: Whose numbers a carrier may hand out beside its own: the post takes its parcels to the door.
_HANDS_OVER: dict[str, frozenset[str]] = {
    "fedex": frozenset({"usps"}),
    "ups": frozenset({"usps"}),
    "dhl": frozenset({"usps", "dhl_ecommerce"}),
    "dhl_ecommerce": frozenset({"usps", "dhl"}),
    "yunexpress": frozenset({"usps", "ups", "fedex", "gofo", "china_post"}),
    "amazon": frozenset({"usps", "ups"}),
}
#: Carriers of whose numbers every form stands above: what fits none of these is not theirs.
_PUBLISHED = frozenset(
    {"ups", "usps", "fedex", "ontrac", "amazon", "lasership", "gofo", "yunexpress"}
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which carrier a number is asked about and told under, and whether it may be told at all."""

    #: our word; "" where nobody can tell
    carrier: str
    #: False: it is mistyped or somebody else's, and a channel that hears it counts it as invalid
    valid: bool
    reason: Reason


def judge(number: str, *, told: str) -> Verdict:
    """Whose number it is, where a supplier or a channel said `told` (our word; "": nobody said).

    Their word counts wherever the number does not gainsay it: several carriers use one form, and of
    most carriers we know too few numbers to gainsay anybody.
    """
    found = candidates(number)
    if told and {one.carrier for one in found} & {told, *_HANDS_OVER.get(told, ())}:
        return Verdict(told, True, Reason.of("number_as_told", number=number, carrier=told))
    if told and told not in _PUBLISHED:
        return Verdict(told, True, Reason.of("number_unproved", number=number, carrier=told))
    proved = next((one.carrier for one in found if one.checked), None)
    if told and proved is None:
        return Verdict(told, False, Reason.of("number_not_of", number=number, carrier=told))
    if told and proved:
        reason = Reason.of("number_of_another", number=number, carrier=proved, told=told)
        return Verdict(proved, True, reason)
    carrier = proved or next((one.carrier for one in found), "")
    if not carrier:
        return Verdict("", False, Reason.of("number_of_nobody", number=number))
    return Verdict(carrier, True, Reason.of("number_by_form", number=number, carrier=carrier))
