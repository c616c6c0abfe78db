// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers;

/**
 * When the latest events were, for counts in sliding windows: packed, oldest first, so that adding one is an
 * append and storing them a copy. Exact up to 100 in a window; above that, neighbours are joined while
 * they are at most 2 % of what is newer (an exponential histogram), which is the most a count can be off.
 */
public final class Counts {
    static final int ROOM = 24;
    private static final int FIRST_LIMIT = 512;
    private static final int SHARE = 50;

    byte[] bytes;
    int size;
    /** Time of the newest entry; the first entry's gap counts from 0. */
    long newest;
    /** The size beyond which what is old is left out and neighbours are joined. */
    int limit = FIRST_LIMIT;

    Counts() {
        bytes = new byte[ROOM];
    }

    Counts(byte[] bytes, int size, long newest, int limit) {
        this.bytes = bytes;
        this.size = size;
        this.newest = newest;
        this.limit = limit;
    }

    /** One event at t, which is not before the newest. `reach` is the widest window, in milliseconds. */
    void add(long t, long reach) {
        append(Math.max(t, newest), 1);
        if (size > limit) {
            join(newest - reach);
        }
    }

    private void append(long t, int n) {
        if (size + ROOM > bytes.length) {
            bytes = java.util.Arrays.copyOf(bytes, Math.max(size + ROOM, bytes.length * 2));
        }
        size = Wire.putVarint(bytes, size, (t - newest) << 1 | (n > 1 ? 1 : 0));
        if (n > 1) {
            size = Wire.putVarint(bytes, size, n);
        }
        newest = t;
    }

    /** Events within (now - window, now], of each window. */
    long[] within(long[] windows, long now) {
        long[] counts = new long[windows.length];
        Wire.Reader r = new Wire.Reader(bytes, 0);
        for (long t = 0; r.at < size;) {
            long head = r.varint();
            t += head >>> 1;
            long n = (head & 1) == 0 ? 1 : r.varint();
            for (int w = 0; w < windows.length; w++) {
                counts[w] += t > now - windows[w] ? n : 0;
            }
        }
        return counts;
    }

    private void join(long before) {
        int most = size;
        long[] times = new long[most];
        int[] ns = new int[most];
        int kept = 0;
        long total = 0;
        Wire.Reader r = new Wire.Reader(bytes, 0);
        for (long t = 0; r.at < size;) {
            long head = r.varint();
            t += head >>> 1;
            int n = (head & 1) == 0 ? 1 : (int) r.varint();
            if (t > before) {
                times[kept] = t;
                ns[kept++] = n;
                total += n;
            }
        }
        size = 0;
        newest = 0;
        for (int i = 0; i < kept;) {
            int n = ns[i];
            long t = times[i++];
            long newer = total - n;
            while (i < kept && (long) (n + ns[i]) * SHARE <= newer - ns[i]) {
                newer -= ns[i];
                n += ns[i];
                t = times[i++];
            }
            append(t, n);
            total = newer;
        }
        limit = Math.max(FIRST_LIMIT, 2 * size);
    }

    Counts copy() {
        return new Counts(java.util.Arrays.copyOf(bytes, Math.min(bytes.length, size + ROOM)), size, newest, limit);
    }
}
