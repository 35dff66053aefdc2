"""Computes with decimals: π to many digits, then the plan of a loan to the cent."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext


def pi(digits):
    """Gauss and Legendre: each step doubles the digits."""
    with localcontext() as context:
        context.prec = digits + 10
        a, b, t, p = Decimal(1), 1 / Decimal(2).sqrt(), Decimal("0.25"), 1
        for _ in range(digits.bit_length()):
            middle = (a + b) / 2
            b = (a * b).sqrt()
            t -= p * (a - middle) ** 2
            a, p = middle, 2 * p
        return (a + b) ** 2 / (4 * t)


def plan(loan, rate, months):
    """What each month's payment is made of: interest, repayment, what is left."""
    cent = Decimal("0.01")
    factor = (1 + rate / 12) ** months
    payment = (loan * rate / 12 * factor / (factor - 1)).quantize(cent, ROUND_HALF_EVEN)
    rows = []
    while loan > 0:
        interest = (loan * rate / 12).quantize(cent, ROUND_HALF_EVEN)
        repaid = min(payment - interest, loan)
        loan -= repaid
        rows.append((interest, repaid, loan))
    return rows


def main():
    for digits in range(100, 1000, 100):
        print(str(pi(digits))[-20:-10])
    rates = [Decimal(percent) / 400 for percent in range(4, 9)]
    plans = [plan(Decimal(250_000), rate, 240) for rate in rates]
    print(sum(interest for rows in plans for interest, _, _ in rows))


main()
