# The protocol, searched in full by spin within small bounds; run.py --deep has larger ones. It knows
# nothing of the build: once, in the tree as shipped.
if(NOT SANITIZE)
  add_test(NAME model/protocol COMMAND ${PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/model/run.py)
  set_tests_properties(model/protocol PROPERTIES LABELS model SKIP_RETURN_CODE 77 TIMEOUT 900)
endif()
