"""Two apples and three oranges with 10 % tax (the book's 5.4): prices forward, gradients back."""

import zerokara as zk

apple, apples = zk.Input("apple"), zk.Input("apples")
orange, oranges = zk.Input("orange"), zk.Input("oranges")
tax = zk.Input("tax")

# Nothing is computed yet: this only says what depends on what.
price = (apple * apples + orange * oranges) * tax
shop = zk.Network(price, dtype="float64")

total = shop.forward(apple=100, apples=2, orange=150, oranges=3, tax=1.1)
print(f"price {total:g}")

# How much the price changes when one of the numbers changes by 1.
for name, slope in shop.backward(1).items():
    print(f"d price / d {name} = {slope:g}")
