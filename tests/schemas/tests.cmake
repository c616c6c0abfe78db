# The schemas that ship, against what the program takes and writes.
outside_test(schemas scenario 120 schemas/run.py $<TARGET_FILE:engaged>)
