unit_test(engine exp2)
