# The protocol in a simulated world: it must hold, and each broken variant must be caught.
add_executable(sim sim/sim.c sim/world.c sim/world_kafka.c sim/world_redis.c sim/world_worker.c)
target_link_libraries(sim PRIVATE app)
# Millions, by hand: sim --schedules 3000000.
if(SANITIZE)
  set(schedules 20000)
else()
  set(schedules 100000)
endif()
add_test(NAME sim/protocol COMMAND sim --schedules ${schedules})
set_tests_properties(sim/protocol PROPERTIES LABELS sim)
foreach(breakage stable-read compare-and-set suppression metadata generation clock new-producer
    count cold-load expired kept)
  add_test(NAME sim/without-${breakage} COMMAND sim --schedules 20000 --break ${breakage})
  set_tests_properties(sim/without-${breakage} PROPERTIES LABELS sim)
endforeach()
