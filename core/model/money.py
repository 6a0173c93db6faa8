"""Money in integer minor units."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

#: ISO 4217 currencies whose minor unit is not a hundredth.
_EXPONENT = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "OMR": 3}


def exponent(currency: str) -> int:
    """Decimals of a currency: 2 for USD, 0 for JPY."""
    return _EXPONENT.get(currency, 2)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """`amount` minor units (cents) of `currency` (ISO 4217, upper case)."""

    amount: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Read a decimal as remotes write it ("19.99"). Raises ValueError when it is no amount or
        has more decimals than the currency."""
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise ValueError(f"not an amount of money: {text!r}") from None
        if not value.is_finite():
            raise ValueError(f"not an amount of money: {text!r}")
        minor = value.scaleb(exponent(currency))
        if minor != minor.to_integral_value():
            raise ValueError(f"{text} has more decimals than {currency} has")
        return cls(int(minor), currency)

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> Money:
        """In whole minor units, half up, as bills are."""
        minor = amount.scaleb(exponent(currency)).to_integral_value(ROUND_HALF_UP)
        return cls(int(minor), currency)

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount + other.amount, self.currency)

    def __mul__(self, times: int) -> Money:
        return Money(self.amount * times, self.currency)

    def __str__(self) -> str:
        places = exponent(self.currency)
        return f"{Decimal(self.amount).scaleb(-places):.{places}f} {self.currency}"
