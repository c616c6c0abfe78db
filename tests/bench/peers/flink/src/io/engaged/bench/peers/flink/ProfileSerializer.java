// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers.flink;

import io.engaged.bench.peers.Profile;
import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** Profiles in checkpoints (and in RocksDB): their packed bytes after their number. */
public final class ProfileSerializer extends TypeSerializerSingleton<Profile> {
    private static final long serialVersionUID = 1;
    static final ProfileSerializer INSTANCE = new ProfileSerializer();

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public Profile createInstance() {
        return new Profile();
    }

    @Override
    public Profile copy(Profile from) {
        return from.copy();
    }

    @Override
    public Profile copy(Profile from, Profile reuse) {
        return from.copy();
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public void serialize(Profile profile, DataOutputView to) throws IOException {
        byte[] packed = profile.pack();
        to.writeInt(packed.length);
        to.write(packed);
    }

    @Override
    public Profile deserialize(DataInputView from) throws IOException {
        byte[] packed = new byte[from.readInt()];
        from.readFully(packed);
        return Profile.unpack(packed);
    }

    @Override
    public Profile deserialize(Profile reuse, DataInputView from) throws IOException {
        return deserialize(from);
    }

    @Override
    public void copy(DataInputView from, DataOutputView to) throws IOException {
        int n = from.readInt();
        to.writeInt(n);
        to.write(from, n);
    }

    @Override
    public TypeSerializerSnapshot<Profile> snapshotConfiguration() {
        return new Snapshot();
    }

    /** For Flink's own use, when it reads a checkpoint. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<Profile> {
        public Snapshot() {
            super(() -> INSTANCE);
        }
    }
}
