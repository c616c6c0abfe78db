unit_test(codec dead_letter)
unit_test(codec event_decode)
unit_test(codec event_encode)
unit_test(codec trigger_json)
