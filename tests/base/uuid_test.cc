#include "base/uuid.h"

#include <gtest/gtest.h>

namespace squall {
namespace {

TEST(Uuid, IsWrittenAsKafkaWritesIt) {
  EXPECT_EQ(Uuid{}.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(metadata_topic_id.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
}

TEST(Uuid, ReadsBackWhatItWrote) {
  Random random{5};
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = Uuid::random(random);
    EXPECT_EQ(Uuid::parse(id.to_string()), id);
    EXPECT_NE(id.to_string().front(), '-');
  }
}

TEST(Uuid, RefusesWhatIsNotOne) {
  EXPECT_FALSE(Uuid::parse(""));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAA!"));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAB"));  // bits beyond the 128th
}

}  // namespace
}  // namespace squall
