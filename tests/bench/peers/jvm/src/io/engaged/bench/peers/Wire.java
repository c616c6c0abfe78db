// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Numbers and texts in byte arrays. */
final class Wire {
    private Wire() {
    }

    /** Returns where the next byte goes. */
    static int putVarint(byte[] to, int at, long v) {
        while ((v & ~0x7fL) != 0) {
            to[at++] = (byte) (v | 0x80);
            v >>>= 7;
        }
        to[at++] = (byte) v;
        return at;
    }

    static final class Reader {
        final byte[] from;
        int at;

        Reader(byte[] from, int at) {
            this.from = from;
            this.at = at;
        }

        long varint() {
            long v = 0;
            for (int shift = 0;; shift += 7) {
                byte b = from[at++];
                v |= (long) (b & 0x7f) << shift;
                if (b >= 0) {
                    return v;
                }
            }
        }

        double number() {
            long v = 0;
            for (int i = 0; i < 8; i++) {
                v = v << 8 | from[at++] & 0xff;
            }
            return Double.longBitsToDouble(v);
        }

        String text() {
            int n = (int) varint();
            at += n;
            return new String(from, at - n, n, StandardCharsets.UTF_8);
        }

        byte[] bytes(int n, int room) {
            byte[] copy = new byte[n + room];
            System.arraycopy(from, at, copy, 0, n);
            at += n;
            return copy;
        }
    }

    static final class Writer {
        byte[] to;
        int at;

        Writer(int room) {
            to = new byte[room];
        }

        private void need(int n) {
            if (at + n > to.length) {
                to = Arrays.copyOf(to, Math.max(at + n, to.length * 2));
            }
        }

        void varint(long v) {
            need(10);
            at = putVarint(to, at, v);
        }

        void number(double d) {
            need(8);
            long v = Double.doubleToLongBits(d);
            for (int shift = 56; shift >= 0; shift -= 8) {
                to[at++] = (byte) (v >>> shift);
            }
        }

        void text(String s) {
            byte[] utf8 = s.getBytes(StandardCharsets.UTF_8);
            varint(utf8.length);
            bytes(utf8, utf8.length);
        }

        void bytes(byte[] from, int n) {
            need(n);
            System.arraycopy(from, 0, to, at, n);
            at += n;
        }

        byte[] take() {
            return at == to.length ? to : Arrays.copyOf(to, at);
        }
    }
}
