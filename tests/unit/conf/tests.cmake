unit_test(conf conf)
target_compile_definitions(test_conf_conf PRIVATE CONFIG_DIR="${PROJECT_SOURCE_DIR}/config")
unit_test(conf faults)
unit_test(conf calendar)
