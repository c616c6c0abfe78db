outside_test(replay/cli scenario 300 replay/cli.py $<TARGET_FILE:engaged>)
outside_test(replay/explain scenario 300 replay/explain.py $<TARGET_FILE:engaged>)
outside_test(replay/compare scenario 300 replay/compare.py $<TARGET_FILE:engaged>
  ${PROJECT_SOURCE_DIR}/deploy/demo-data/ibm_care_dev.jsonl.gz)
outside_test(replay/ruletest scenario 300 replay/ruletest.py $<TARGET_FILE:engaged>
  ${PROJECT_SOURCE_DIR}/config)
add_test(NAME rules/shipped COMMAND engaged test ${PROJECT_SOURCE_DIR}/config/tests/defaults.yaml)
set_tests_properties(rules/shipped PROPERTIES LABELS scenario TIMEOUT 30)
