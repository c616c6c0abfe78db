# What is tested with real servers, real data and from outside, and the tools for it.
# Exit status 77 is "skipped": tests/run lists the reasons, .ci/run does not accept any.

add_executable(kafkatool tools/kafkatool.c)
target_link_libraries(kafkatool PRIVATE PkgConfig::RDKAFKA PkgConfig::JANSSON)
set_target_properties(kafkatool PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

find_package(Threads REQUIRED)
add_executable(loadtool tools/loadtool.c)
target_link_libraries(loadtool PRIVATE PkgConfig::RDKAFKA Threads::Threads)
set_target_properties(loadtool PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

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
outside_test(servers/proxy integration 60 servers/selftest.py proxy)
outside_test(faults/kinds layers 30 faults/kinds.py list)
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
  # The program that ships, but for one object: it can be told where to die.
  add_executable(engaged-kill ${PROJECT_SOURCE_DIR}/src/main.c faults/kill_point.c)
  target_link_libraries(engaged-kill PRIVATE app)
  set_target_properties(engaged-kill PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
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
  # What status says, and what its advice leads to.
  outside_test(integration/operators-stopped integration 120
    integration/operators.py $<TARGET_FILE_DIR:engaged> 4
    offsets_expired outside_log old_redis_short_log)
  outside_test(integration/operators-changed integration 120
    integration/operators.py $<TARGET_FILE_DIR:engaged> 4 topic_replaced layout partitions)
  outside_test(integration/operators-rebuild integration 120
    integration/operators.py $<TARGET_FILE_DIR:engaged> 4 status rebuild_under_load rebuild_killed)
  function(hard label)
    foreach(case ${ARGN})
      outside_test(integration/hard-${case} ${label} 120
        integration/hard.py $<TARGET_FILE_DIR:engaged> 4 ${case})
    endforeach()
  endfunction()
  outside_test(faults/redis-away soak 300 faults/redis_away.py $<TARGET_FILE_DIR:engaged> 4
    --minutes 0.5 --rate 1500 --memory 4)
  hard(integration cold redis_killed redis_emptied sigterm ticks reload reload_emptied metrics
    explain)
  hard(soak cold_tiny crowded_horizon large_in_little_memory far_future redis_old_dump redis_away
      redis_out_of_memory redis_sleeps redis_without_restore broker_restarted zombie
      kept rebalance_while_draining second_signal ticks_off at_least_once refusals
      partitions_added started_over)
  # Any plug is pulled: the judge by itself, and three minutes of it; tests/faults/run does the rest.
  outside_test(faults/selftest integration 180 faults/selftest.py $<TARGET_FILE_DIR:engaged> 4)
  # Without a point that takes half a minute to come by.
  outside_test(faults/cut-kafka-4 soak 900 faults/run
    --build $<TARGET_FILE_DIR:engaged> --kafka 4 --minutes 3 --seed 4
    --kinds !kill_point_redo_sent)
else()
  message(WARNING "There is no program engaged: what tests it is left out")
endif()
