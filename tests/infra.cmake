# What is tested with real servers, real data and from outside, and the tools for it.
# Exit status 77 is "skipped": tests/run lists the reasons, .ci/run does not accept any.

add_executable(kafkatool tools/kafkatool.c)
target_link_libraries(kafkatool PRIVATE PkgConfig::RDKAFKA PkgConfig::JANSSON)
set_target_properties(kafkatool PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

find_program(PYTHON3 python3 REQUIRED)

# outside_test(NAME LABEL SECONDS SCRIPT ARGS...): a Python script under tests/. The label `soak` is an
# integration test that tests/run leaves out unless asked for --all.
function(outside_test name label seconds script)
  add_test(NAME ${name} COMMAND ${PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/${script} ${ARGN})
  set_tests_properties(${name} PROPERTIES
    LABELS ${label} TIMEOUT ${seconds} SKIP_RETURN_CODE 77)
  if(label STREQUAL integration OR label STREQUAL soak)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

outside_test(servers/redis integration 60 servers/selftest.py redis)
foreach(kafka 3.9 4)
  outside_test(servers/kafka-${kafka} soak 240
    servers/selftest.py kafka ${kafka} $<TARGET_FILE:kafkatool>)
endforeach()

add_test(NAME layers/table COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/layers.sh
  ${PROJECT_SOURCE_DIR} ${CMAKE_BINARY_DIR})
add_test(NAME layers/selftest COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/layers.sh --selftest)
set_tests_properties(layers/table layers/selftest PROPERTIES LABELS layers TIMEOUT 180)

# The daemon from outside.
if(TARGET engaged)
  outside_test(differential/replay differential 900 differential/run.py $<TARGET_FILE:engaged>)
  outside_test(property/replay property 300 property/run.py $<TARGET_FILE:engaged>)
  outside_test(integration/notify integration 60
    integration/notify.py $<TARGET_FILE_DIR:engaged>)
  outside_test(integration/presets integration 80
    integration/presets.py $<TARGET_FILE_DIR:engaged>)
  foreach(kafka 3.9 4)
    outside_test(integration/e2e-kafka-${kafka} integration 420
      integration/e2e.py $<TARGET_FILE_DIR:engaged> ${kafka})
    outside_test(integration/dead-letters-kafka-${kafka} integration 240
      integration/dead_letters.py $<TARGET_FILE_DIR:engaged> ${kafka})
  endforeach()
  outside_test(integration/repartition integration 180
    integration/repartition.py $<TARGET_FILE_DIR:engaged> 4)
  outside_test(integration/model integration 240
    integration/model.py $<TARGET_FILE_DIR:engaged> 4)
  function(hard label)
    foreach(case ${ARGN})
      outside_test(integration/hard-${case} ${label} 120
        integration/hard.py $<TARGET_FILE_DIR:engaged> 4 ${case})
    endforeach()
  endfunction()
  hard(integration cold redis_killed redis_emptied sigterm ticks reload metrics explain)
  hard(soak cold_tiny crowded_horizon far_future redis_old_dump redis_away
      redis_out_of_memory redis_sleeps broker_restarted zombie
      rebalance_while_draining second_signal ticks_off at_least_once refusals
      partitions_added)
else()
  message(WARNING "There is no program engaged: what tests it is left out")
endif()
