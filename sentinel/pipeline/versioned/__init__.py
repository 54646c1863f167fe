"""Join stores whose truth lies as numbered versions on storage that many machines share."""
