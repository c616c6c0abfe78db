# unit_test(adapters MODULE), one line each
