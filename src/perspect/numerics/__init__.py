"""Mathematics on arrays; knows no MR."""
