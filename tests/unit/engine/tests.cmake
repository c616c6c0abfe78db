unit_test(engine cel)
unit_test(engine cel_error)
unit_test(engine cel_range)
unit_test(engine exp2)
