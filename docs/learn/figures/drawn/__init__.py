"""The figures of docs/learn, one function each; `make.py` draws them."""
