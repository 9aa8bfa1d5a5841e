"""Runs a job in this process, on a subject that is an object of it."""

from pathlib import Path

from saveproof.conformance.campaigns.in_process import InThisProcess
from saveproof.conformance.model_state.subject import Subject
from saveproof.conformance.runs.job import Job
from saveproof.conformance.runs.local_campaigns import LocalCampaigns
from saveproof.conformance.runs.run_folder import FILES, RunFolder
from saveproof.reports.store import Run


def run_here(subject: Subject, job: Job) -> Run:
    """Run the job's campaigns on the subject, and write the run and its reports.

    Raises:
        Claimed, NotWritten: the job's folder is in use, or can't be written.
    """
    campaigns = LocalCampaigns(job, here=InThisProcess(subject))
    campaigns.choose(campaign.item for campaign in job.campaigns)
    folder = RunFolder(Path(job.out), FILES)
    folder.begin(job.header)
    try:
        for of in job.sets:
            for campaign in of.campaigns:
                campaigns.results(of, campaign)
        return folder.finish(job.header, interrupted=False)
    finally:
        folder.release()
