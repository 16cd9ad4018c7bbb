"""Seeds made from integers, such as a run's seed and the index of an item: alike on every machine."""

# The constants of xxHash's 64-bit variant (Collet), as CPython's hash of a tuple uses them, and what it adds to them.
PRIME_1, PRIME_2, PRIME_5 = 11_400_714_785_074_694_791, 14_029_467_366_897_019_727, 2_870_177_450_012_600_261
LENGTH_MARK = 3_527_539
# CPython keeps minus one for errors, and puts these in its place.
ERROR_INTEGER, ERROR_TUPLE = -2, 1_546_275_796
INTEGER_MODULUS = 2**61 - 1
WORD = 2**64


def seed_of(*integers: int) -> int:
    """
    One seed from several integers: that of `(seed, index)` differs from those of all other pairs, nearly always.

    The numbers are those of `hash((seed, index, ...)) % 2**63` in CPython 3.8 to 3.14 on 64-bit machines, written out:
    recorded runs were drawn with them, and what `hash` returns is no promise of the language.

    Args:
        integers: one or more, of any size.

    Returns:
        An integer in `[0, 2**63)`, as `torch.Generator.manual_seed` takes it.
    """
    total = PRIME_5
    for integer in integers:
        total = (total + _integer(int(integer)) * PRIME_2) % WORD
        total = (total << 31 | total >> 33) % WORD
        total = total * PRIME_1 % WORD
    total = (total + (len(integers) ^ PRIME_5 ^ LENGTH_MARK)) % WORD
    return (ERROR_TUPLE if total == WORD - 1 else total) % 2**63


def _integer(integer: int) -> int:
    """An integer's own hash: its remainder, with its sign."""
    remainder = abs(integer) % INTEGER_MODULUS
    signed = remainder if integer >= 0 else -remainder
    return ERROR_INTEGER if signed == -1 else signed
