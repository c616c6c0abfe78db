# The README against the program.
outside_test(docs/readme scenario 120 docs/readme.py facts $<TARGET_FILE_DIR:engaged>)
outside_test(integration/readme-kafka-4 integration 240
  docs/readme.py walk $<TARGET_FILE_DIR:engaged> 4)
