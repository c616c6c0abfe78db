outside_test(replay/cli scenario 300 replay/cli.py $<TARGET_FILE:engaged>)
