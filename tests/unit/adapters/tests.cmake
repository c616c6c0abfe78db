unit_test(adapters kafka_source)
