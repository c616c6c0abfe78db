unit_test(engine cel)
unit_test(engine exp2)
unit_test(engine rules)
target_link_libraries(test_engine_rules PRIVATE m)
