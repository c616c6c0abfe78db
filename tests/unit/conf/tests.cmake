# unit_test(conf MODULE), one line each
