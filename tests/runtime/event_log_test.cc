#include "runtime/linux/event_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

#include "runtime/linux/unique_fd.h"

namespace squall::runtime {
namespace {

class EventLogTest : public testing::Test {
 protected:
  EventLogTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    out_ = UniqueFd{ends[0]};
    in_ = UniqueFd{ends[1]};
  }
  std::string written() {
    in_.reset();
    std::string text(4096, '\0');
    const ssize_t count = ::read(out_.get(), text.data(), text.size());
    text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return text;
  }
  UniqueFd in_;
  UniqueFd out_;
};

TEST_F(EventLogTest, WritesOneLinePerEvent) {
  {
    EventLog log{in_.get(), EventLevel::info};
    log.add(wall_time_ms(1'769'860'800'123), EventName::segment_rolled, {{"topic", "orders"}, {"partition", 3}});
    log.add(wall_time_ms(-1), EventName::log_dir_failed, {{"dir", "/a b"}, {"why", "x=\"1\"\n"}, {"none", ""}});
  }
  EXPECT_EQ(written(),
            "time=2026-01-31T12:00:00.123Z level=info event=segment-rolled topic=orders partition=3\n"
            "time=1969-12-31T23:59:59.999Z level=warn event=log-dir-failed dir=\"/a b\" why=\"x=\\\"1\\\"\\x0a\" none=\"\"\n");
}

TEST_F(EventLogTest, LeavesOutWhatIsBelowItsLevel) {
  {
    EventLog log{in_.get(), EventLevel::warn};
    EXPECT_FALSE(log.wants(EventName::segment_rolled));
    log.add(wall_time_ms(0), EventName::segment_rolled, {});
    log.add(wall_time_ms(0), EventName::records_appended, {});
  }
  EXPECT_EQ(written(), "");
}

}  // namespace
}  // namespace squall::runtime
