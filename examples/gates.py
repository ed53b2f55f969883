"""Perceptrons as logic gates (the book's chapter 2): one layer cannot do XOR, two can."""

from zerokara.models import AND, NAND, OR, Perceptron


def XOR(a: int, b: int) -> int:
    """Two layers: NAND and OR look at the inputs, AND looks at them."""
    return AND(NAND(a, b), OR(a, b))


print("a b  AND NAND OR XOR")
for a in (0, 1):
    for b in (0, 1):
        print(f"{a} {b}   {AND(a, b)}   {NAND(a, b)}   {OR(a, b)}   {XOR(a, b)}")

# A gate is three numbers. These answer 1 when the first input is 1 and the second is not.
only_a = Perceptron([1.0, -1.0], -0.5)
print("only a:", [only_a(a, b) for a in (0, 1) for b in (0, 1)])
