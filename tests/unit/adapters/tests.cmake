unit_test(adapters child)
unit_test(adapters http)
unit_test(adapters kafka_conf)
unit_test(adapters kafka_look)
unit_test(adapters kafka_read)
unit_test(adapters kafka_sink)
unit_test(adapters kafka_source)
unit_test(adapters notify)
unit_test(adapters redis_conn)
unit_test(adapters redis_url)
set_tests_properties(unit/adapters/child unit/adapters/redis_conn PROPERTIES SKIP_RETURN_CODE 77)

# Joins groups again and again, against session time-outs: not beside what takes both cores.
set_tests_properties(unit/adapters/kafka_source PROPERTIES RUN_SERIAL ON)
