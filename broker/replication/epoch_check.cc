#include "broker/replication/epoch_check.h"

namespace squall::broker {

FetchFit fit_of_fetch(Offset fetch_offset, LeaderEpoch last_fetched_epoch, const EpochEndOffset& epoch_end, Offset log_start,
                      Offset log_end) {
  // Below the log start nothing can be compared; what is left to do is start afresh, whatever the epochs say.
  if (fetch_offset < log_start) return FetchFit::out_of_range;
  if (last_fetched_epoch != no_epoch) {
    // An epoch that is newer than all of this log: it cannot say where the two part.
    if (epoch_end.epoch == no_epoch || epoch_end.end_offset == no_offset) return FetchFit::out_of_range;
    if (epoch_end.epoch < last_fetched_epoch || epoch_end.end_offset < fetch_offset) return FetchFit::diverges;
  }
  return fetch_offset > log_end ? FetchFit::out_of_range : FetchFit::fits;
}

}  // namespace squall::broker
