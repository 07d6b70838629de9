"""The classes of the tools we replace, `downloadONC.py` and `ONCDownloader`: a thin layer over the rest.

from oncsync.compat import createXLS, download

x = createXLS(None, "c:/ONC/Data")  # None: the token of ONC_TOKEN, or the one that is stored
x.locationCode = "USDDL"
x.deviceCategoryCode = "CTD"
x.begin = "2017-05-01T00:00:00.000Z"
x.end = "2017-06-01T00:00:00.000Z"
x.createWorkbook("c:/ONC/Data/download.xlsx")

download().execute("c:/ONC/Data/download.xlsx")

from oncsync.compat import ONCDownloader

ONCDownloader().download_structured(dev_codes="TUMPMTSPECTROMETER002", date_from=1, extensions="hdf5")
"""

from oncsync.compat.building import createXLS
from oncsync.compat.downloader import ONCDownloader, dev_codes_deployed
from oncsync.compat.running import download

__all__ = ["ONCDownloader", "createXLS", "dev_codes_deployed", "download"]
