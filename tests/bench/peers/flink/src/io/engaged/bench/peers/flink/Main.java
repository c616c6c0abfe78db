// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers.flink;

import io.engaged.bench.peers.Event;
import io.engaged.bench.peers.Job;
import io.engaged.bench.peers.Meter;
import io.engaged.bench.peers.Options;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Flink doing the job, in a local environment: one process, which ends with the input's present end. */
public final class Main {
    private Main() {
    }

    public static void main(String[] args) throws Exception {
        Options options = new Options(args);
        String name = "bench-flink-" + UUID.randomUUID();
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.createLocalEnvironment(options.threads, settings(options));
        build(env, options, new Job(options.job), name);
        env.execute(name);
        String line = Meter.end("flink", EnvironmentInformation.getVersion(), Meter.EVENTS.sum(), List.of());
        if (Meter.EVENTS.sum() < options.until) {
            throw new IllegalStateException("the input ended after " + Meter.EVENTS.sum() + " records");
        }
        System.out.println(line);
    }

    private static void build(StreamExecutionEnvironment env, Options options, Job job, String name) {
        KafkaSource<Event> source = KafkaSource.<Event>builder().setBootstrapServers(options.bootstrap)
                .setTopics(options.events).setGroupId(name).setStartingOffsets(OffsetsInitializer.earliest())
                .setBounded(OffsetsInitializer.latest()).setDeserializer(new Records.In(job)).build();
        WatermarkStrategy<Event> time = WatermarkStrategy.<Event>forMonotonousTimestamps()
                .withTimestampAssigner((event, recordTime) -> event.time);
        keyed(env.fromSource(source, time, "events"), options)
                .process(new StakeholderFunction(job)).uid("job").sinkTo(sink(options, name));
    }

    /**
     * By stakeholder. One thread has all keys anyway, so that the stream can be taken as keyed as it is, which
     * spares the exchange between two tasks: records of a key need only be where the key is.
     */
    private static KeyedStream<Event, String> keyed(DataStream<Event> events, Options options) {
        KeySelector<Event, String> key = event -> event.stakeholder;
        return options.threads == 1 && Options.setting("CHAIN", "yes").equals("yes")
                ? DataStreamUtils.reinterpretAsKeyedStream(events, key) : events.keyBy(key);
    }

    private static KafkaSink<Tuple2<byte[], byte[]>> sink(Options options, String name) {
        return KafkaSink.<Tuple2<byte[], byte[]>>builder().setBootstrapServers(options.bootstrap)
                .setRecordSerializer(new Records.Out(options.triggers)).setTransactionalIdPrefix(name)
                .setDeliveryGuarantee(
                        options.exactlyOnce ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE)
                .setProperty("transaction.timeout.ms", "600000").build();
    }

    private static Configuration settings(Options options) {
        Configuration c = new Configuration();
        c.setString("state.backend.type", Options.setting("BACKEND", "hashmap"));
        c.setString("execution.checkpointing.interval", Options.setting("CHECKPOINT", "5s"));
        c.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
        c.setString("execution.checkpointing.incremental", "true");
        c.setString("execution.checkpointing.dir", Path.of(options.state).toAbsolutePath().toUri().toString());
        c.setString("restart-strategy.type", "none");
        c.setString("pipeline.object-reuse", "true");
        c.setString("taskmanager.memory.managed.size", Options.setting("MANAGED", "0"));
        return c;
    }
}
