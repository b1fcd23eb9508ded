"""What tests share: fixtures' compilation, oracles, running pydbg, looking for left-overs."""
