// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers;

import java.time.OffsetDateTime;

/** RFC 3339 to milliseconds: UTC by hand, since java.time costs more than all the rest of an event. */
final class Times {
    private Times() {
    }

    static long parse(String s) {
        int n = s.length();
        if (n < 20 || n > 30 || s.charAt(n - 1) != 'Z') {
            return OffsetDateTime.parse(s).toInstant().toEpochMilli();
        }
        long days = days(digits(s, 0, 4), digits(s, 5, 7), digits(s, 8, 10));
        long seconds = days * 86400 + digits(s, 11, 13) * 3600L + digits(s, 14, 16) * 60L + digits(s, 17, 19);
        int ms = 0;
        for (int i = 20, unit = 100; i < n - 1 && unit > 0; i++, unit /= 10) {
            ms += digits(s, i, i + 1) * unit;
        }
        return seconds * 1000 + ms;
    }

    private static int digits(String s, int from, int to) {
        int v = 0;
        for (int i = from; i < to; i++) {
            int d = s.charAt(i) - '0';
            if (d < 0 || d > 9) {
                throw new IllegalArgumentException("not a time: " + s);
            }
            v = v * 10 + d;
        }
        return v;
    }

    /** Days since 1970 of a Gregorian date; years that begin in March make leap days the last. */
    private static long days(int year, int month, int day) {
        int y = month > 2 ? year : year - 1;
        int era = y / 400;
        int yearOfEra = y - era * 400;
        int dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        return era * 146097L + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468;
    }
}
