"""The figures of docs/learn/dsc.md, one function each; `make.py` draws them."""
