# unit_test(app MODULE), one line each
