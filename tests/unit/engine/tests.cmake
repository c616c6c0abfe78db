unit_test(engine cel)
unit_test(engine exp2)
