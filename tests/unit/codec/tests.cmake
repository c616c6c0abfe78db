# unit_test(codec MODULE), one line each
