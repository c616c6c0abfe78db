unit_test(codec event_decode)
