# Public conformance files; skipped (77) where they are not at hand.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_executable(cel_conformance conformance/cel_conformance.c)
target_link_libraries(cel_conformance PRIVATE engine)
add_test(NAME conformance/cel
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/conformance/cel.py
    $<TARGET_FILE:cel_conformance>)
set_tests_properties(conformance/cel PROPERTIES LABELS conformance SKIP_RETURN_CODE 77)
