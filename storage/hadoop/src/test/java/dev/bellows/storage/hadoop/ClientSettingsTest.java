package dev.bellows.storage.hadoop;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;

class ClientSettingsTest {
  private static final String DELAY =
      "dfs.client.block.write.locateFollowingBlock.initial.delay.ms";

  @Test
  void takeThePlaceOfHadoopsDefaults() {
    Configuration configuration = new Configuration();
    configuration.addResource("hdfs-default.xml");
    assertEquals("400", configuration.get(DELAY));
    ClientSettings.apply(configuration);
    assertEquals("10", configuration.get(DELAY));
    assertEquals("10000", configuration.get("dfs.client.socket-timeout"));
  }

  @Test
  void leaveTheUsersValuesAlone() {
    Configuration configuration = new Configuration();
    String site =
        "<configuration><property><name>"
            + DELAY
            + "</name><value>77</value></property></configuration>";
    configuration.addResource(
        new ByteArrayInputStream(site.getBytes(StandardCharsets.UTF_8)), "hdfs-site.xml");
    configuration.set("ipc.client.connect.max.retries", "9");
    ClientSettings.apply(configuration);
    assertEquals("77", configuration.get(DELAY));
    assertEquals("9", configuration.get("ipc.client.connect.max.retries"));
  }
}
