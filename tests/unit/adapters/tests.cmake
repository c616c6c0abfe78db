unit_test(adapters kafka_source)
unit_test(adapters kafka_sink)
